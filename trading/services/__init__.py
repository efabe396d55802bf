"""Every write of trading, as verbs."""

from trading.services._agents import change_agent, run_agents
from trading.services._audit import (
    AuditVerdict,
    export_audit,
    export_head,
    record,
    verify_audit,
)
from trading.services._bots import (
    Replay,
    create_bot,
    get_bot,
    set_knobs,
    start_bot,
    stop_bot,
    update_bot,
)
from trading.services._confirm import (
    check_confirmed,
    confirm_person,
    confirmed_until,
    prune_confirmations,
)
from trading.services._cycle import run_bot, run_cycle
from trading.services._data import discard_dead_letter, fill_gap, retry_dead_letter
from trading.services._failures import tell_failures, tell_failures_for_beat
from trading.services._fills import FillReport, apply_fills
from trading.services._intents import create_intent, place_order
from trading.services._jobs import cancel_job, run_job, start_backfill, update_job
from trading.services._limits import (
    Weighed,
    limits_need,
    set_limits_need,
    weigh_account,
    weigh_knobs,
)
from trading.services._orders import cancel_all_orders, cancel_order, submit_order
from trading.services._outlook import outlook_of
from trading.services._people import (
    create_token,
    create_user,
    record_login,
    record_login_failed,
    record_logout,
    revoke_token,
    sync_roles,
    use_token,
)
from trading.services._resolve import poll_accounts, sweep_orders
from trading.services._restored import stop_restored
from trading.services._snapshots import thin_snapshots
from trading.services._system import (
    StopProof,
    beat_heart,
    emergency_stop,
    ensure_system_state,
    pause_system,
    request_halt,
    resume_system,
    set_resume_needs,
    set_system_state,
    start_scheduler,
    stop_scheduler,
)
from trading.services._take_version import active_for
from trading.services._tick import (
    Hints,
    bots_on,
    is_silent,
    tick,
    tick_without_database,
    watch,
)
from trading.services._versions import (
    activate_version,
    approve_version,
    change_draft,
    create_version,
    delete_draft,
    propose_version,
    retire_version,
    roll_back_version,
    save_draft,
    subject_of,
    unapprove_version,
)
from trading.services.accounts._accounts import (
    add_account,
    credentials_of,
    get_account,
    keyring,
    remove_account,
    replace_key,
    reseal_accounts,
    rotate_seals,
    set_account_enabled,
    set_account_limits,
    update_account,
)
from trading.services.accounts._brokers import warm_brokers
from trading.services.accounts._checks import check_account, watch_clocks
from trading.services.accounts._reachability import reconcile_soon
from trading.services.accounts._streams import (
    Followed,
    followed_accounts,
    hurry_account,
    put_stream_states,
    stream_came_up,
)
from trading.services.live._gate import Caps, check_live_mode, checklist, name_gate
from trading.services.live._grants import (
    approve_grant,
    ask_grant,
    bring_to_paper,
    end_grants,
    get_grant,
    revoke_grant,
)
from trading.services.live._orders import (
    LivePreview,
    Wanted,
    place_live_order,
    preview_live_order,
)
from trading.services.live._watch import doubt_clocks, watch_live
from trading.services.reconciliation._incident_orders import cancel_incident_order
from trading.services.reconciliation._incidents import acknowledge_incident
from trading.services.reconciliation._reconcile import (
    reconcile_account,
    reconcile_due,
    request_reconciliation,
)
from trading.services.research._artifacts import prune_artifacts
from trading.services.research._cross_validation import cross_validate_strategy
from trading.services.research._drift import measure_drift, measure_drifts, start_drift
from trading.services.research._evidence import dataset_digest, evidence_reasons
from trading.services.research._in_sample import InSample, measure_in_sample, split_ms
from trading.services.research._searches import (
    Aim,
    free_chunks,
    propose_candidate,
    resume_search,
    run_search,
    start_search,
)
from trading.services.research._simulate import search_strategy, simulate_strategy
from trading.services.research._simulations import (
    Plan,
    make_report,
    reproduce_simulation,
    start_simulation,
)
from trading.services.research._walks import walk_strategy

__all__ = [
    "InSample",
    "outlook_of",
    "measure_in_sample",
    "split_ms",
    "prune_confirmations",
    "tell_failures",
    "tell_failures_for_beat",
    "change_agent",
    "run_agents",
    "Followed",
    "credentials_of",
    "followed_accounts",
    "hurry_account",
    "put_stream_states",
    "stream_came_up",
    "doubt_clocks",
    "acknowledge_incident",
    "cancel_incident_order",
    "reconcile_account",
    "reconcile_due",
    "reconcile_soon",
    "request_reconciliation",
    "poll_accounts",
    "set_account_enabled",
    "reseal_accounts",
    "rotate_seals",
    "get_account",
    "keyring",
    "check_account",
    "watch_clocks",
    "remove_account",
    "replace_key",
    "set_account_limits",
    "update_account",
    "check_confirmed",
    "check_live_mode",
    "name_gate",
    "confirm_person",
    "confirmed_until",
    "add_account",
    "Aim",
    "Caps",
    "LivePreview",
    "Wanted",
    "approve_grant",
    "ask_grant",
    "bring_to_paper",
    "checklist",
    "end_grants",
    "get_grant",
    "place_live_order",
    "preview_live_order",
    "revoke_grant",
    "warm_brokers",
    "watch_live",
    "AuditVerdict",
    "FillReport",
    "Hints",
    "Plan",
    "Replay",
    "StopProof",
    "apply_fills",
    "beat_heart",
    "bots_on",
    "cancel_all_orders",
    "cancel_job",
    "cancel_order",
    "create_bot",
    "create_intent",
    "create_token",
    "create_user",
    "create_version",
    "change_draft",
    "delete_draft",
    "propose_version",
    "save_draft",
    "subject_of",
    "activate_version",
    "active_for",
    "approve_version",
    "dataset_digest",
    "evidence_reasons",
    "request_halt",
    "retire_version",
    "roll_back_version",
    "unapprove_version",
    "emergency_stop",
    "cross_validate_strategy",
    "ensure_system_state",
    "export_audit",
    "export_head",
    "free_chunks",
    "get_bot",
    "is_silent",
    "make_report",
    "measure_drift",
    "measure_drifts",
    "pause_system",
    "place_order",
    "propose_candidate",
    "prune_artifacts",
    "record",
    "record_login",
    "record_login_failed",
    "record_logout",
    "reproduce_simulation",
    "resume_search",
    "resume_system",
    "retry_dead_letter",
    "discard_dead_letter",
    "fill_gap",
    "revoke_token",
    "run_bot",
    "run_cycle",
    "run_job",
    "run_search",
    "search_strategy",
    "set_knobs",
    "set_resume_needs",
    "Weighed",
    "limits_need",
    "set_limits_need",
    "weigh_account",
    "weigh_knobs",
    "set_system_state",
    "start_backfill",
    "simulate_strategy",
    "start_bot",
    "start_drift",
    "start_scheduler",
    "start_search",
    "start_simulation",
    "stop_bot",
    "stop_restored",
    "stop_scheduler",
    "submit_order",
    "sweep_orders",
    "sync_roles",
    "thin_snapshots",
    "tick",
    "tick_without_database",
    "update_bot",
    "use_token",
    "update_job",
    "verify_audit",
    "walk_strategy",
    "watch",
]
