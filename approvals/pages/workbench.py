"""What the workbench of one version shows: what is possible now, and why not for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.urls import reverse

from approvals import access, queries
from approvals.models import Approval, ApprovalKind
from approvals.pages.version_history import history_of
from config import clock
from strategies import queries as strategy_queries
from strategies.models import StrategyVersion
from trading import queries as trading_queries
from trading.models import Bot, Job, Simulation
from trading.services import evidence_reasons
from trading.version_pages import evidence_of, param_pairs

State = StrategyVersion.State
WAY = (State.DRAFT, State.CANDIDATE, State.SIMULATED, State.APPROVED, State.ACTIVE)
OPEN_JOBS = (Job.Status.QUEUED, Job.Status.RUNNING)
NEEDED = {
    access.OPERATE: "It takes the permission to operate strategies.",
    access.APPROVE: "It takes the permission to decide on requests.",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What decides what is possible with a version."""

    version: StrategyVersion
    active: StrategyVersion | None
    simulation: Simulation | None  # the newest that has ended
    stale: list[str]
    request: Approval | None
    target: StrategyVersion | None  # of a rollback
    runs: Simulation | None
    allow_red: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `kind`: link, post, or why (a post with a reason)."""

    key: str
    title: str
    does: str
    kind: str
    url: str
    permission: str
    why_not: str = ""
    letter: str = ""
    danger: bool = False
    confirm: str = ""


def workbench(name: str, number: int, user: User) -> dict[str, Any]:
    """One version with everything that leads on from it. Refuses VersionUnknown."""
    version = strategy_queries.version_numbered(name, number)
    scene = scene_of(version)
    steps = [_for(step, user) for step in steps_of(scene)]
    before = scene.active or version
    return {
        "version": version,
        "strategy": version.strategy,
        "active": scene.active,
        "simulation": scene.simulation,
        "stale": scene.stale,
        "asked": scene.request,
        "outdated": not strategy_queries.runs_installed_code(version),
        "possible": [step for step in steps if not step.why_not],
        "refused": [step for step in steps if step.why_not],
        "way": way_of(version),
        "pairs": param_pairs(before, version),
        "evidence": cache(lambda: evidence_of(before, version)),
        "simulations": trading_queries.simulations().filter(version=version)[:5],
        "bots": list(Bot.objects.filter(version=version).order_by("name")),
        "requests": queries.approvals().filter(version=version)[:5],
        "history": cache(lambda: history_of(version)),
    }


def scene_of(version: StrategyVersion) -> Scene:
    name, now = version.strategy.name, clock.now()
    rows = strategy_queries.versions_of(name)
    simulation = trading_queries.last_verdicts([version]).get(version.pk)
    last = strategy_queries.last_activation(name)
    mine = trading_queries.simulations().filter(version=version, finished_at=None)
    return Scene(
        version=version,
        active=rows.filter(state=State.ACTIVE).first(),
        simulation=simulation,
        stale=evidence_reasons(simulation, now=now, with_data=False) if simulation else [],
        request=queries.open_approval_of(version.pk),
        target=last.replaced if last and not last.rollback else None,
        runs=mine.filter(job__status__in=OPEN_JOBS).first(),
        allow_red=queries.policy_of(ApprovalKind.ACTIVATION).allow_red,
    )


def way_of(version: StrategyVersion) -> list[tuple[str, str]]:
    """(state, how it stands to it: done, here, ahead); a retired version has left the way."""
    way = WAY if version.state == State.DRAFT else WAY[1:]  # most begin as candidates
    if version.state not in way:
        return [(str(state), "ahead") for state in way] + [(str(version.state), "here")]
    at = way.index(State(version.state))
    return [
        (str(state), "here" if place == at else "done" if place < at else "ahead")
        for place, state in enumerate(way)
    ]


def steps_of(scene: Scene) -> list[Step]:
    """All of them, in the order of the way."""
    return [make(scene) for make in _STEPS]


def _for(step: Step, user: User) -> Step:
    if user.has_perm(step.permission) or step.why_not:
        return step
    names = {name: getattr(step, name) for name in step.__slots__}
    return Step(**{**names, "why_not": NEEDED[step.permission]})


def _url(scene: Scene, name: str) -> str:
    return reverse(name, args=[scene.version.strategy.name, scene.version.number])


def _with(scene: Scene, name: str, **query: object) -> str:
    """A form that begins with this version, on what it was simulated on before."""
    known = {"strategy": scene.version.strategy.name, "version": scene.version.number, **query}
    if scene.simulation is not None:
        names = ("timeframe", "from_ms", "to_ms")
        known |= {name: getattr(scene.simulation, name) for name in names}
        known["symbol"] = scene.simulation.symbols[0]
    return f"{reverse(name)}?{urlencode(known)}"


def _edit(scene: Scene) -> Step:
    stays = "Its parameters stay: begin a draft from it."
    return Step(
        key="edit",
        title="Edit",
        does="Other parameters, another note.",
        kind="link",
        url=_url(scene, "trading:draft-edit"),
        permission=access.OPERATE,
        why_not="" if scene.version.state == State.DRAFT else stays,
        letter="e",
    )


def _propose(scene: Scene) -> Step:
    state = scene.version.state
    retired = state == State.RETIRED
    return Step(
        key="propose",
        title="Propose anew" if retired else "Propose",
        does="It begins at candidate again." if retired else "Its parameters stay from then on.",
        kind="post",
        url=_url(scene, "trading:version-propose"),
        permission=access.OPERATE,
        why_not="" if state in (State.DRAFT, State.RETIRED) else "It was proposed already.",
        letter="p",
    )


def _simulate(scene: Scene) -> Step:
    against = f" against v{scene.active.number}" if scene.active else ""
    draft = " A draft is proposed thereby." if scene.version.state == State.DRAFT else ""
    is_active = scene.version.state == State.ACTIVE
    return Step(
        key="simulate",
        title=f"Simulate{'' if is_active else against}",
        does=f"The same candles and costs for both; the verdict is its evidence.{draft}",
        kind="link",
        url=_with(scene, "trading:simulation-new"),
        permission=access.OPERATE,
        why_not="It is what the others are compared with." if is_active else "",
        letter="s",
    )


def _prove(scene: Scene) -> Step:
    is_active = scene.version.state == State.ACTIVE
    return Step(
        key="prove",
        title="Prove in a review",
        does="Simulates it, and puts it before people unless it is red.",
        kind="link",
        url=_with(scene, "approvals:review-new", source="PERSON"),
        permission=access.OPERATE,
        why_not="Nothing would change: it is active." if is_active else "",
    )


def _ask(scene: Scene) -> Step:
    return Step(
        key="ask",
        title="Ask to activate",
        does="Somebody else decides, before a deadline.",
        kind="link",
        url=_url(scene, "approvals:approval-new"),
        permission=access.OPERATE,
        why_not=_why_not_ask(scene),
        letter="a",
    )


def _why_not_ask(scene: Scene) -> str:
    if scene.version.state == State.ACTIVE:
        return "It is active."
    if scene.request is not None:
        return f"Request {scene.request.pk} is open."
    if scene.version.state != State.SIMULATED or scene.simulation is None:
        return "Simulate it against the active version first."
    if scene.stale:
        return " ".join(scene.stale)
    if scene.simulation.verdict == Simulation.Verdict.RED and not scene.allow_red:
        return f"Simulation {scene.simulation.pk} is red: it is no better."
    return ""


def _activate(scene: Scene) -> Step:
    row = scene.request
    direct = row is not None and not row.is_pending and not row.step_up
    page = reverse("approvals:approval", args=[row.pk]) if row else ""
    waits = row is not None and row.is_pending
    return Step(
        key="activate",
        title="Read the request" if waits else "Activate",
        does=(
            "It waits for people."
            if waits
            else "Uses the approval, once: bots that follow take it at their next candle."
        ),
        kind="post" if direct else "link",
        url=_url(scene, "approvals:version-activate") if direct else page,
        permission=access.VIEW if waits else access.APPROVE,
        why_not="" if row else "It is active." if _is_active(scene) else "Nobody approved it yet.",
        confirm=f"Activate v{scene.version.number}? Bots that follow take it at their next candle.",
    )


def _is_active(scene: Scene) -> bool:
    return scene.version.state == State.ACTIVE


def _roll_back(scene: Scene) -> Step:
    target = scene.target.number if scene.target else ""
    why = "" if scene.target else "No version was replaced, or it was brought back: it is one step."
    return Step(
        key="rollback",
        title=f"Roll back to v{target}" if target else "Roll back",
        does="It was active before: no simulation is needed, open requests end.",
        kind="why",
        url=reverse("approvals:version-rollback", args=[scene.version.strategy.name]),
        permission=access.APPROVE,
        why_not=why if _is_active(scene) else "It is not active.",
        danger=True,
        confirm=f"Roll back to v{target}? Bots that follow take it at their next candle; open"
        " requests about this strategy end. There is no second step back.",
    )


def _retire(scene: Scene) -> Step:
    ends = " Its open request is withdrawn." if scene.request else ""
    return Step(
        key="retire",
        title="Retire",
        does=f"Puts it aside; it may be proposed anew.{ends}",
        kind="why",
        url=_url(scene, "approvals:version-retire"),
        permission=access.OPERATE,
        why_not=_why_not_retire(scene),
        danger=True,
        confirm=f"Retire v{scene.version.number}?{ends} Bots that run it go on with it.",
    )


def _why_not_retire(scene: Scene) -> str:
    known = {
        State.DRAFT: "A draft is deleted or proposed.",
        State.ACTIVE: "What replaces it retires it.",
        State.RETIRED: "It is retired.",
    }
    if scene.runs is not None and scene.version.state not in known:
        return f"Simulation {scene.runs.pk} of it runs: cancel that first, or wait."
    return known.get(State(scene.version.state), "")


def _delete(scene: Scene) -> Step:
    is_draft = scene.version.state == State.DRAFT
    return Step(
        key="delete",
        title="Delete the draft",
        does="Its number is not given again.",
        kind="post",
        url=_url(scene, "trading:draft-delete"),
        permission=access.OPERATE,
        why_not="" if is_draft else "Only drafts are deleted.",
        danger=True,
        confirm=f"Delete draft v{scene.version.number}?",
    )


def _begin(scene: Scene) -> Step:
    name, number = scene.version.strategy.name, scene.version.number
    return Step(
        key="new",
        title=f"New from v{number}",
        does="A draft that begins with these parameters.",
        kind="link",
        url=f"{reverse('trading:draft-new', args=[name])}?from={number}",
        permission=access.OPERATE,
        letter="n",
    )


_STEPS: tuple[Callable[[Scene], Step], ...] = (
    _edit,
    _propose,
    _simulate,
    _prove,
    _ask,
    _activate,
    _roll_back,
    _begin,
    _retire,
    _delete,
)
