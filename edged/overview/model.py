"""Everything that is known of this box at one instant. Values only; who judges them, judges them elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edged.access.role_watch import RolesSeen
from edged.config.model import Config
from edged.health.faults import MediaHealth
from edged.health.stream import Condition, Stream
from edged.overview.forecast import FootageForecast
from edged.overview.measurements import Measurements
from mqtt.client.link import LinkView
from mqtt.tls import TlsView
from storage.retention.approved_limits import Loosening
from storage.segments.findings_table import TamperedFiles
from storage.tickets.maintenance import Lasting
from storage.words.model import Moment
from storage.words.results import AlarmRow, Severity


@dataclass(frozen=True, slots=True)
class ComplianceSummary:
    """Of one profile."""

    profile: str
    met: int
    not_met: int
    by_hand: int
    not_built: int
    unmet: tuple[tuple[str, int], ...]
    """Clauses that are not met, each with the wall clock since when."""


@dataclass(frozen=True, slots=True)
class AlarmCondition:
    """A condition that holds now, with what a person should read and do."""

    severity: Severity
    text: str
    action: str
    raise_after_s: float = 0.0
    names: str = ""
    """Of the people it is about: they stand behind the text on this box, and are told nobody outside."""
    about: frozenset[str] = frozenset()
    """Cameras that are in it, where its key does not name one."""

    @property
    def words(self) -> tuple[str, str, str]:
        """What is told beside the severity."""
        return self.text, self.action, self.names


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """A camera's condition and since when (wall clock) it has been in that state."""

    condition: Condition
    stream: Stream | None
    since_ms: int
    clock_offset_ms: int | None = None
    """The camera's own clock minus ours, as last told in its present session."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that is known at one instant."""

    config: Config
    version: str
    pid: int
    started_ms: int
    started_boottime_ms: int
    boot_id: str
    epoch: int
    synced: bool
    recovering: bool
    now: Moment
    measured: Measurements
    health: Mapping[str, CameraHealth]
    link: LinkView | None
    alarms: Sequence[AlarmRow]
    destroyed: int
    last_sweep_ms: int | None
    foresight: FootageForecast = field(default_factory=FootageForecast)
    ceiling_unproven: bool = False
    """The last sweep met footage that may be past its ceiling, and kept it."""
    tampered: Sequence[TamperedFiles] = ()
    """Volumes with files that are not as they were left."""
    roles: RolesSeen = field(default_factory=RolesSeen)
    """Accounts and groups that [roles] can do nothing with; what is not on record."""
    loosening: Sequence[Loosening] = ()
    """What of the configuration file does not hold, because it takes two persons."""
    under: Lasting | None = None
    """Maintenance that is under way."""
    held: Mapping[str, AlarmCondition] = field(default_factory=dict)
    """Alarms that it holds back."""
    tls: TlsView | None = None
    """Certificates and key of the link; None where it has none."""
    compliance: ComplianceSummary | None = None
    """How the box stands to the clauses of its profile; None without one, and before it is judged."""
    judged: Mapping[str, MediaHealth] = field(default_factory=dict)
    """Picture and sound of the cameras that were looked at."""
