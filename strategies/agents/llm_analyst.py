"""Lets a language model read a symbol's strong findings. It informs; it trades nothing."""

from __future__ import annotations

from datetime import timedelta

from strategies.agents.protocol import (
    Agent,
    AgentParams,
    Look,
    Note,
    NothingToDo,
    Seen,
    amount,
)

SINCE = timedelta(minutes=15)
MOST_FINDINGS = 20


class LlmAnalystParams(AgentParams):
    min_score: float = amount(
        3.0, "Least score", "Of a finding worth a look.", ge=0, le=1000, unit="score"
    )
    min_conf: float = amount(
        0.65, "Least confidence", "Of an analysis worth a finding.", ge=0, le=1, unit="probability"
    )


class LlmAnalyst(Agent[LlmAnalystParams]):
    name = "llm_analyst"
    title = "LLM analyst"
    description = "A language model reads the strong findings of the last 15 minutes."
    interval_s = 300.0
    window_s = 900.0
    needs_bars = False
    params_model = LlmAnalystParams

    def look(self, look: Look, params: LlmAnalystParams) -> Seen:
        if look.analyst is None:
            raise NothingToDo("no language model is set up")
        strong = [
            finding
            for finding in look.findings
            if finding.score >= params.min_score
            and finding.agent != self.name
            and look.now - finding.at <= SINCE
        ]
        if not strong:
            return Seen()
        facts = {
            "state": look.state.plain(),
            "findings": [
                {"agent": one.agent, "label": one.label, "score": one.score, **one.details}
                for one in strong[:MOST_FINDINGS]
            ],
        }
        analysis = look.analyst.analyse(look.state.name, facts)
        if analysis.confidence < params.min_conf:
            return Seen()
        details = {
            "summary": analysis.summary[:1000],
            "model": analysis.model,
            "confidence": analysis.confidence,
            "findings": len(strong),
        }
        return Seen([Note(analysis.label[:40], analysis.confidence, details)])
