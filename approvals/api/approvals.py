"""REST doors of approvals: the queue, decisions, policies, and a version's way to be active."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import access, queries, services
from approvals.errors import ApprovalInvalid, ApprovalUnknown
from approvals.models import Approval, ApprovalPolicy
from approvals.serializers.approvals import (
    KINDS,
    STATES,
    ActivationSerializer,
    ApprovalSerializer,
    AskSerializer,
    CommentSerializer,
    DecideSerializer,
    ExpiredSerializer,
    PolicyChangeSerializer,
    PolicySerializer,
    WhySerializer,
)
from config import clock
from config.permissions import person
from config.query_params import optional_choice
from strategies import queries as strategy_queries
from strategies.errors import VersionStateWrong
from strategies.models import StrategyVersion
from strategies.serializers import VersionSerializer
from trading import queries as trading_queries
from trading.authentication import via_of


@extend_schema_view(
    get=extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("kind", str, enum=KINDS),
        ]
    )
)
class ApprovalsView(ListAPIView[Approval]):
    """Requests that people decide on, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = ApprovalSerializer

    def get_queryset(self) -> QuerySet[Approval]:
        rows = queries.approvals().prefetch_related("decisions__by")
        params = self.request.query_params
        if state := optional_choice(params, "state", STATES):
            rows = rows.filter(state=state.upper())
        if kind := optional_choice(params, "kind", KINDS):
            rows = rows.filter(kind=kind.upper())
        return rows


class ApprovalView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=ApprovalSerializer)
    def get(self, request: Request, approval_id: int) -> Response:
        """One request; its digest is what a decision names."""
        return _shown(queries.approval(approval_id))


class ApprovalApproveView(APIView):
    permission_classes = (access.MayApprove,)
    own_transactions = True  # an expiry that is noticed here must stay, though this is refused

    @extend_schema(request=DecideSerializer, responses=ApprovalSerializer)
    def post(self, request: Request, approval_id: int) -> Response:
        """Agree to what the digest names. Nobody agrees to their own request."""
        return _approve(request, approval_id)


class ApprovalRejectView(APIView):
    permission_classes = (access.MayApprove,)
    own_transactions = True

    @extend_schema(request=DecideSerializer, responses=ApprovalSerializer)
    def post(self, request: Request, approval_id: int) -> Response:
        """Say no, with a reason."""
        given = _given(DecideSerializer, request)
        services.reject(
            approval_id=approval_id,
            by=person(request),
            via=via_of(request),
            now=clock.now(),
            **given,
        )
        return _shown(queries.approval(approval_id))


class ApprovalCommentView(APIView):
    permission_classes = (access.MayPropose,)

    @extend_schema(request=CommentSerializer, responses=ApprovalSerializer)
    def post(self, request: Request, approval_id: int) -> Response:
        """Something to read for those who decide."""
        given = _given(CommentSerializer, request)
        services.comment(
            approval_id=approval_id,
            by=person(request),
            via=via_of(request),
            now=clock.now(),
            **given,
        )
        return _shown(queries.approval(approval_id))


class ApprovalWithdrawView(APIView):
    permission_classes = (access.MayPropose,)

    @extend_schema(request=WhySerializer, responses=ApprovalSerializer)
    def post(self, request: Request, approval_id: int) -> Response:
        """Take a request back."""
        given = _given(WhySerializer, request)
        row = services.withdraw(
            approval_id=approval_id, by=person(request), now=clock.now(), **given
        )
        return _shown(row)


class ExpireCheckView(APIView):
    permission_classes = (access.MayApprove,)
    own_transactions = True  # a stop commits its halt before anything else

    @extend_schema(request=None, responses=ExpiredSerializer)
    def post(self, request: Request) -> Response:
        """Look for requests whose time is over, as beat and the feed do each second."""
        ended = services.check_approvals(now=clock.now(), reading=clock.read())
        return Response(ExpiredSerializer({"expired": ended}).data)


class ResumeRequestView(APIView):
    permission_classes = (access.MayAdminister,)

    @extend_schema(request=WhySerializer, responses={201: ApprovalSerializer})
    def post(self, request: Request) -> Response:
        """Ask others to agree to leaving an emergency stop, where the policy wants them."""
        given = _given(WhySerializer, request)
        row = services.request_resume(by=person(request), now=clock.now(), **given)
        return Response(ApprovalSerializer(row).data, status=201)


class PoliciesView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=PolicySerializer(many=True))
    def get(self, request: Request) -> Response:
        """How requests of each kind are decided."""
        return Response(PolicySerializer(queries.policies(), many=True).data)


class PolicyView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayAdminister()]

    @extend_schema(responses=PolicySerializer)
    def get(self, request: Request, policy: str) -> Response:
        """One policy."""
        return Response(PolicySerializer(_policy(policy)).data)

    @extend_schema(request=PolicyChangeSerializer, responses=PolicySerializer)
    def patch(self, request: Request, policy: str) -> Response:
        """Requests from now on are decided like this."""
        found, given = _policy(policy), _given(PolicyChangeSerializer, request)
        names = ("deadline_s", "approvers", "step_up", "on_expiry", "allow_red")
        wanted = {name: getattr(found, name) for name in names} | given
        wanted["on_expiry"] = str(wanted["on_expiry"]).upper()
        changed = services.change_policy(
            kind=found.kind, by=person(request), now=clock.now(), **wanted
        )
        return Response(PolicySerializer(changed).data)


class VersionRequestView(APIView):
    permission_classes = (access.MayPropose,)

    @extend_schema(request=AskSerializer, responses={201: ApprovalSerializer})
    def post(self, request: Request, strategy: str, number: int) -> Response:
        """Ask people to make a simulated version the active one."""
        version, given = _version(strategy, number), _given(AskSerializer, request)
        simulation_id = given.pop("simulation_id", None) or _newest(version)
        row = services.request_activation(
            version_id=version.pk,
            simulation_id=simulation_id,
            by=person(request),
            now=clock.now(),
            **given,
        )
        return Response(ApprovalSerializer(row).data, status=201)


class VersionApproveView(APIView):
    permission_classes = (access.MayApprove,)
    own_transactions = True

    @extend_schema(request=DecideSerializer, responses=ApprovalSerializer)
    def post(self, request: Request, strategy: str, number: int) -> Response:
        """Agree to the open request about this version."""
        return _approve(request, _open_request(strategy, number).pk)


class VersionActivateView(APIView):
    permission_classes = (access.MayApprove,)
    own_transactions = True

    @extend_schema(request=None, responses=ActivationSerializer)
    def post(self, request: Request, strategy: str, number: int) -> Response:
        """Use the approval of this version, once; everything is verified again."""
        done = services.activate(
            version_id=_version(strategy, number).pk,
            by=person(request),
            via=via_of(request),
            now=clock.now(),
        )
        return Response(ActivationSerializer(done).data)


class VersionRollbackView(APIView):
    permission_classes = (access.MayApprove,)

    @extend_schema(request=WhySerializer, responses=ActivationSerializer)
    def post(self, request: Request, strategy: str, number: int) -> Response:
        """From this active version back to the one before; 409 if it isn't the active one."""
        version, given = _version(strategy, number), _given(WhySerializer, request)
        if version.state != StrategyVersion.State.ACTIVE:
            raise VersionStateWrong(f"v{number} is {version.state.lower()}, not active.")
        done = services.roll_back(
            strategy=version.strategy.name,
            by=person(request),
            via=via_of(request),
            now=clock.now(),
            **given,
        )
        return Response(ActivationSerializer(done).data)


class VersionRetireView(APIView):
    permission_classes = (access.MayPropose,)

    @extend_schema(request=WhySerializer, responses=VersionSerializer)
    def post(self, request: Request, strategy: str, number: int) -> Response:
        """Put a version aside that isn't active; an open request about it is withdrawn."""
        given = _given(WhySerializer, request)
        row = services.retire(
            version_id=_version(strategy, number).pk, by=person(request), now=clock.now(), **given
        )
        return Response(VersionSerializer(row).data)


def _approve(request: Request, approval_id: int) -> Response:
    given = _given(DecideSerializer, request)
    row = services.approve(
        approval_id=approval_id,
        by=person(request),
        via=via_of(request),
        now=clock.now(),
        **given,
    )
    return _shown(row)


def _given(shape: type[Any], request: Request) -> dict[str, Any]:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _shown(row: Approval) -> Response:
    return Response(ApprovalSerializer(row).data)


def _version(strategy: str, number: int) -> StrategyVersion:
    name = strategy_queries.strategy_called(strategy).name
    return strategy_queries.version_numbered(name, number)


def _open_request(strategy: str, number: int) -> Approval:
    row = queries.open_approval_of(_version(strategy, number).pk)
    if row is None:
        raise ApprovalUnknown("Nobody asked for the activation of this version.")
    return row


def _newest(version: StrategyVersion) -> int:
    found = trading_queries.last_verdicts([version]).get(version.pk)
    if found is None:
        raise ApprovalInvalid("It was never simulated.")
    return found.pk


def _policy(kind: str) -> ApprovalPolicy:
    if kind not in KINDS:
        raise ApprovalUnknown(f"There is no policy for {kind}.")
    return queries.policy_of(kind.upper())
