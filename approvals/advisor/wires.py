"""What each provider's server is asked and how it answers: four formats for five providers. Pure.

Formats as documented in 2026: OpenAI and OpenRouter chat completions, Anthropic messages,
Gemini generateContent, Ollama chat.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from approvals.advisor import strict_json
from approvals.advisor.strict_json import JsonRefused

OPENAI, ANTHROPIC, GEMINI = "openai", "anthropic", "gemini"
OPENROUTER, OLLAMA = "openrouter", "ollama"
PROVIDERS = (OPENAI, ANTHROPIC, GEMINI, OPENROUTER, OLLAMA)
BASES: Mapping[str, str] = {
    OPENAI: "https://api.openai.com/v1",
    ANTHROPIC: "https://api.anthropic.com",
    GEMINI: "https://generativelanguage.googleapis.com",
    OPENROUTER: "https://openrouter.ai/api/v1",
    OLLAMA: "http://127.0.0.1:11434",
}
ANTHROPIC_VERSION = "2023-06-01"
MOST_TOKENS = 100_000_000  # a count beyond that is no count
MOST_MODELS = 1_000
# A schema for a model: not all providers know these words, and the gate checks them anyhow.
_DROPPED = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_DROPPED |= {"minLength", "maxLength", "pattern", "minItems", "maxItems"}
_DROPPED |= {"default", "description", "title", "format"}


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked; the same for all providers."""

    system: str
    user: str
    schema_name: str
    schema: Mapping[str, Any]
    max_tokens: int
    temperature: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it leaves."""

    path: str
    headers: Mapping[str, str] = field(repr=False)  # the key is in there
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said; counts are None unless they are told and can be true."""

    text: str
    model: str
    tokens_in: int | None
    tokens_out: int | None


def _text(value: Any) -> str:
    """Raises TypeError for what is no text: the caller says so."""
    if not isinstance(value, str):
        raise TypeError
    return value


class AnswerRefused(Exception):
    """An answer that is none; `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def ask(provider: str, model: str, question: Question, key: str) -> Call:
    """The request for one answer."""
    return _ASK[provider](provider, model, question, key)


def read(provider: str, model: str, content: bytes, *, most: int) -> Answer:
    """The answer in what came back. Raises AnswerRefused."""
    try:
        told = strict_json.loads(content, most=most)
    except JsonRefused as refusal:
        raise AnswerRefused("FORMAT", f"The answer can't be read: {refusal.detail}") from None
    try:
        answer = _READ[provider](told)
    except (AttributeError, IndexError, KeyError, TypeError):
        raise AnswerRefused("FORMAT", "The answer is not of the provider's format.") from None
    if not answer.text:
        raise AnswerRefused("EMPTY", "The model said nothing.")
    if not is_model(model, answer.model):
        raise AnswerRefused("MODEL_OTHER", "Another model answered than the one that was asked.")
    return answer


def ask_models(provider: str, key: str) -> Call:
    """The request for the list of models."""
    path = {OLLAMA: "/api/tags", GEMINI: "/v1beta/models?pageSize=1000"}.get(provider, "/models")
    if provider == ANTHROPIC:
        path = "/v1/models?limit=1000"
    return Call(path, _headers(provider, key))


def read_models(provider: str, content: bytes, *, most: int) -> list[str]:
    """Names of models, sorted. Raises AnswerRefused."""
    try:
        told = strict_json.loads(content, most=most)
        rows = told["models"] if provider in (OLLAMA, GEMINI) else told["data"]
        name = "name" if provider in (OLLAMA, GEMINI) else "id"
        names = {str(row[name]).removeprefix("models/")[:120] for row in rows[:MOST_MODELS]}
    except (JsonRefused, AttributeError, KeyError, TypeError):
        raise AnswerRefused("FORMAT", "The list is not of the provider's format.") from None
    return sorted(names)


def is_model(asked: str, answered: str) -> bool:
    """Whether the answering model can be the one that was asked: dated and tagged names count."""
    if not answered or asked.endswith("/auto"):
        return True
    one, other = _plain_name(asked), _plain_name(answered)
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _plain_name(name: str) -> str:
    short = name.lower().removeprefix("models/").rsplit("/", 1)[-1]
    return short.removesuffix(":latest").removesuffix("-latest").removesuffix(":free")


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Inlined, every object closed, every key required, without words that some don't know."""
    definitions = schema.get("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(each) for each in node]
        if not isinstance(node, Mapping):
            return node
        if "$ref" in node:
            return walk(definitions[node["$ref"].rsplit("/", 1)[1]])
        made = {
            key: {name: walk(each) for name, each in value.items()}
            if key == "properties"
            else walk(value)
            for key, value in node.items()
            if key not in _DROPPED and key != "$defs"
        }
        if "properties" in made:
            made |= {"additionalProperties": False, "required": list(made["properties"])}
        return made

    walked: dict[str, Any] = walk(schema)
    return walked


def _headers(provider: str, key: str) -> dict[str, str]:
    if provider == ANTHROPIC:
        return {"x-api-key": key, "anthropic-version": ANTHROPIC_VERSION}
    if provider == GEMINI:
        return {"x-goog-api-key": key}
    return {"Authorization": f"Bearer {key}"} if key else {}


def _call(path: str, provider: str, key: str, body: Mapping[str, Any]) -> Call:
    packed = json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()
    return Call(path, _headers(provider, key), packed)


def _sampling(question: Question, **names: str) -> dict[str, Any]:
    values = {"temperature": question.temperature, "seed": question.seed}
    return {names.get(key, key): value for key, value in values.items() if value is not None}


def _ask_openai(provider: str, model: str, question: Question, key: str) -> Call:
    limit = "max_completion_tokens" if provider == OPENAI else "max_tokens"
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": question.system},
            {"role": "user", "content": question.user},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": question.schema_name,
                "strict": True,
                "schema": question.schema,
            },
        },
        limit: question.max_tokens,
        **_sampling(question),
    }
    if provider == OPENROUTER:
        # Else it may route to a host that ignores the schema.
        body["provider"] = {"require_parameters": True}
    return _call("/chat/completions", provider, key, body)


def _ask_anthropic(provider: str, model: str, question: Question, key: str) -> Call:
    body = {
        "model": model,
        "max_tokens": question.max_tokens,
        "system": question.system,
        "messages": [{"role": "user", "content": question.user}],
        "output_config": {"format": {"type": "json_schema", "schema": question.schema}},
        **({} if question.temperature is None else {"temperature": question.temperature}),
    }
    return _call("/v1/messages", provider, key, body)


def _ask_gemini(provider: str, model: str, question: Question, key: str) -> Call:
    body = {
        "systemInstruction": {"parts": [{"text": question.system}]},
        "contents": [{"role": "user", "parts": [{"text": question.user}]}],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": question.schema,
            "maxOutputTokens": question.max_tokens,
            **_sampling(question),
        },
    }
    name = quote(model.removeprefix("models/"), safe="")
    return _call(f"/v1beta/models/{name}:generateContent", provider, key, body)


def _ask_ollama(provider: str, model: str, question: Question, key: str) -> Call:
    body = {
        "model": model,
        "stream": False,
        "format": question.schema,
        "messages": [
            {"role": "system", "content": question.system},
            {"role": "user", "content": question.user},
        ],
        "options": {"num_predict": question.max_tokens, **_sampling(question)},
    }
    return _call("/api/chat", provider, key, body)


def _read_openai(told: Any) -> Answer:
    if "choices" not in told and "error" in told:  # OpenRouter says so with status 200
        raise AnswerRefused("PROVIDER_ERROR", "The provider reports an error.")
    choice = told["choices"][0]
    if choice["message"].get("refusal"):
        raise AnswerRefused("MODEL_REFUSED", "The model declined to answer.")
    _check_end(choice.get("finish_reason"), ("stop",))
    used = told.get("usage") or {}
    return Answer(
        _text(choice["message"]["content"]),
        _name(told.get("model")),
        _count(used.get("prompt_tokens")),
        _count(used.get("completion_tokens")),
    )


def _read_anthropic(told: Any) -> Answer:
    _check_end(told.get("stop_reason"), ("end_turn", "stop_sequence"))
    used = told.get("usage") or {}
    parts = [part["text"] for part in told["content"] if part["type"] == "text"]
    counts = [
        _count(used.get(name, 0), least=0)
        for name in ("cache_creation_input_tokens", "cache_read_input_tokens")
    ]
    tokens_in = _count(used.get("input_tokens"))
    cached = None if None in counts else sum(each or 0 for each in counts)
    return Answer(
        "".join(parts),
        _name(told.get("model")),
        None if tokens_in is None or cached is None else tokens_in + cached,
        _count(used.get("output_tokens")),
    )


def _read_gemini(told: Any) -> Answer:
    if not told.get("candidates"):
        raise AnswerRefused("MODEL_REFUSED", "The model declined to answer.")
    candidate = told["candidates"][0]
    _check_end(candidate.get("finishReason"), ("STOP",))
    parts = candidate["content"]["parts"]
    used = told.get("usageMetadata") or {}
    said = _count(used.get("candidatesTokenCount"))
    thought = _count(used.get("thoughtsTokenCount", 0), least=0)
    return Answer(
        "".join(part["text"] for part in parts if not part.get("thought")),
        _name(told.get("modelVersion")),
        _count(used.get("promptTokenCount")),
        None if said is None or thought is None else said + thought,
    )


def _read_ollama(told: Any) -> Answer:
    if "error" in told:
        raise AnswerRefused("PROVIDER_ERROR", "The provider reports an error.")
    if told.get("done") is not True:
        raise AnswerRefused("CUT_SHORT", "The model did not come to its end.")
    _check_end(told.get("done_reason"), ("stop",))
    return Answer(
        _text(told["message"]["content"]),
        _name(told.get("model")),
        _count(told.get("prompt_eval_count")),
        _count(told.get("eval_count")),
    )


_REFUSALS = frozenset({"refusal", "content_filter", "safety", "recitation", "prohibited_content"})


def _check_end(reason: Any, good: tuple[str, ...]) -> None:
    """How an answer ended: only its own end is one. Not told is taken as one."""
    if reason is None or reason in good:
        return
    if str(reason).lower() in _REFUSALS:
        raise AnswerRefused("MODEL_REFUSED", "The model declined to answer.")
    raise AnswerRefused("CUT_SHORT", "The model did not come to its end.")


def _count(value: Any, *, least: int = 1) -> int | None:
    """A count of tokens that can be true; zero tokens of a text can't."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and least <= value <= MOST_TOKENS else None


def _name(value: Any) -> str:
    return value[:120] if isinstance(value, str) else ""


_ASK: Mapping[str, Callable[[str, str, Question, str], Call]] = {
    OPENAI: _ask_openai,
    OPENROUTER: _ask_openai,
    ANTHROPIC: _ask_anthropic,
    GEMINI: _ask_gemini,
    OLLAMA: _ask_ollama,
}
_READ: Mapping[str, Callable[[Any], Answer]] = {
    OPENAI: _read_openai,
    OPENROUTER: _read_openai,
    ANTHROPIC: _read_anthropic,
    GEMINI: _read_gemini,
    OLLAMA: _read_ollama,
}
