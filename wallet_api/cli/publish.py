"""Publishing the log, and what its witnesses did, in words.

>>> from ledger.cosign import Collected, WitnessReport
>>> away = [WitnessReport(name, None, "no answer") for name in ("north", "mill")]
>>> unwitnessed(Collected(b"", (WitnessReport("library", 5), *away), False))
['Not witnessed by north, mill: no answer.', 'Fewer witnesses cosigned than the policy asks for: auditors will see it.']
"""

from pathlib import Path

from ledger.cosign import Collected
from ledger.errors import PeerError, SetupError
from ledger.log.note import Verifier
from ledger.log.policy import Policy
from ledger.peer import check_address
from ledger.writer import EVIDENCE, Published
from settlement.community import Community
from wallet_api.cli.context import Settings, warn


def policy_here(settings: Settings, log: Verifier) -> Policy | None:
    """Return the group's policy, once it is one of its own log that can be used.

    Raises:
        SetupError: it names no log, or another; or a witness's address is none.
    """
    policy = settings.policy
    if policy is None:
        return None
    named = [known.verifier for known in policy.logs]
    if log not in named:
        what = "names another log" if named else "names no log"
        raise SetupError(
            f"{settings.policy_file} {what}. Put in this line, and see docs/witness.md: log {log.vkey}"
        )
    for witness in policy.witnesses:
        try:
            if witness.url is not None:
                check_address(witness.url)
        except PeerError as error:
            raise SetupError(
                f"{settings.policy_file}: witness {witness.name}: {error}. See docs/witness.md."
            ) from error
    return policy


def publish_here(settings: Settings, community: Community) -> Published:
    """Publish the log's files, ask the group's witnesses, and warn where they did not cosign."""
    with community.reading() as connection:
        policy = policy_here(settings, community.log_verifier(connection))
    published = community.writer.publish(settings.log_folder, policy=policy)
    if published.collected is not None:
        for line in unwitnessed(published.collected):
            warn(line)
    return published


def witnessed_by(published: Published) -> list[str]:
    """Return the witnesses that cosigned, as the policy calls them."""
    reports = published.collected.reports if published.collected else ()
    return [report.name for report in reports if report.time_s is not None]


def witnesses_line(published: Published) -> str:
    """Say who cosigned what was published, and whether that is enough."""
    collected = published.collected
    if collected is None or not collected.reports:
        return "Witnesses: none are asked (docs/witness.md)."
    names = ", ".join(witnessed_by(published)) or "none"
    count = f"{len(witnessed_by(published))} of {len(collected.reports)}"
    enough = "as many as the policy asks for" if collected.quorum_met else "too few for the policy"
    return f"Witnessed by {names}: {count}, {enough}."


def unwitnessed(collected: Collected) -> list[str]:
    """Say which witnesses did not cosign, each reason once, and what follows from it."""
    missing: dict[str, list[str]] = {}
    for report in collected.reports:
        if report.time_s is None:
            missing.setdefault(report.reason, []).append(report.name)
    lines = [f"Not witnessed by {', '.join(names)}: {why}." for why, names in missing.items()]
    lines += [
        f"Two histories of this log exist. The proof is kept in {file}."
        for file in collected.evidence
    ]
    if not collected.quorum_met:
        lines.append("Fewer witnesses cosigned than the policy asks for: auditors will see it.")
    return lines


def evidence_files(log_folder: Path) -> list[Path]:
    """Return the proofs of forks that are kept beside the log's files."""
    return sorted((log_folder / EVIDENCE).glob("fork-*.txt"))
