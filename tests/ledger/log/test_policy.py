import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.cosignature import Cosigner, add_lines, cosign
from ledger.log.note import Verifier
from ledger.log.policy import ITEMS_MAX, POLICY_BYTES_MAX, Group, Policy, PolicyLog, PolicyWitness
from ledger.primitives.signing import SigningKey
from settlement.export import POLICY
from tests.ledger.heads import LOG, LOG_KEY, NOW_S, Log, cosigner, witness_key

VKEYS = [cosigner(number).vkey for number in range(8)]
WITNESSES = "".join(f"witness w{number} {VKEYS[number]}\n" for number in range(6))

NESTED = f"""# two organisations
log {LOG.vkey}\thttps://riverside.example/log

{WITNESSES}  group x 2 w0 w1 w2
group\ty any w3 w4 w5 \t
group both all x y
quorum both
"""


def decode(text):
    return Policy.decode(text.encode())


def test_groups_within_groups_say_who_is_enough():
    policy = decode(NESTED)
    for count in range(7):
        for places in itertools.combinations(range(6), count):
            names = [f"w{place}" for place in places]
            wanted = len({0, 1, 2}.intersection(places)) >= 2 and bool({3, 4, 5} & {*places})
            assert policy.quorum_met(names) == wanted


@pytest.mark.parametrize(
    ("quorum", "names", "met"),
    [
        ("none", [], True),
        ("w1", ["w1"], True),
        ("w1", ["w0", "w2"], False),
        ("w1", ["x", "quorum", ""], False),
    ],
)
def test_a_quorum_of_one_witness_or_none(quorum, names, met):
    assert decode(f"{WITNESSES}quorum {quorum}\n").quorum_met(names) == met


def test_a_groups_name_given_as_a_witness_counts_for_nothing():
    assert not decode(f"{WITNESSES}group x all w0 w1\nquorum x\n").quorum_met(["x"])


def test_what_is_written_is_read_back_and_comments_are_left_out():
    policy = decode(NESTED)
    assert policy.logs == (PolicyLog(LOG, "https://riverside.example/log"),)
    assert policy.witnesses[3] == PolicyWitness("w3", cosigner(3))
    assert policy.groups[2] == Group("both", 2, ("x", "y"))
    assert Policy.decode(policy.encode()) == policy
    assert b"#" not in policy.encode()


def test_the_policy_of_a_bundle_is_one():
    text = POLICY.format(vkey=LOG.vkey)
    policy = decode(text)
    assert policy.quorum == "none"
    assert policy.encode().decode() == text


def test_names_and_addresses_are_opaque_bytes():
    data = f"witness w {VKEYS[0]} https://x/".encode().replace(b" w ", b" \xff\xe2\x84\xaa ")
    data += b"\xfe\nquorum \xff\xe2\x84\xaa\n"
    policy = Policy.decode(data)
    assert policy.encode() == data
    with pytest.raises(LogError, match="line 2"):
        Policy.decode(data.replace(b"quorum \xff\xe2\x84\xaa", b"quorum \xffK"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no line 'quorum'"),
        ("quorum none", "line 1 .* does not end with a newline"),
        ("# quorum none\n", "no line 'quorum'"),
        ("quorum none\nquorum none\n", "line 2 .*: there is a quorum already"),
        ("quorum\n", "line 1 .*: a quorum is one name"),
        ("quorum a b\n", "a quorum is one name"),
        (f"quorum w0\n{WITNESSES}", "line 1 .*'w0' is no witness or group of a line before"),
        ("Quorum none\n", "line 1 .*not 'Quorum'"),
        ("quorum none\r\n", "line 1 .*byte 0x0d"),
        ("quorum none\x00\n", "byte 0x00"),
        ("quorum none\x7f\n", "byte 0x7f"),
        ("\nquorum\u00a0none\n", "line 2 .*a line begins with"),
        ("log\n", "a log has a verifier key"),
        (f"log {LOG.vkey} https://a b\n", "a log has a verifier key"),
        (f"log {VKEYS[0]}\n", "algorithm 0x01"),
        ("log \u00e9\n", "form name"),
        (f"log {LOG.vkey}\nlog {LOG.vkey}\n", "line 2 .*stands in the policy already"),
        (f"log {LOG.vkey}\nlog {Verifier('b.example', LOG_KEY.public).vkey}\n", "line 2"),
        ("witness w\n", "a witness has a name"),
        (f"witness w {VKEYS[0]} u v\n", "a witness has a name"),
        (f"witness w {LOG.vkey}\n", "algorithm 0x04"),
        (f"witness none {VKEYS[0]}\n", "'none' is taken"),
        (f"witness w {VKEYS[0]}\nwitness v {VKEYS[0]}\n", "line 2 .*key of witness v"),
        (f"witness w {VKEYS[0]}\nwitness w {VKEYS[1]}\n", "line 2 .*'w' is defined"),
        (f"{WITNESSES}group w0 any w1\n", "line 7 .*'w0' is defined"),
        (f"{WITNESSES}group none any w1\n", "'none' is taken"),
        (f"{WITNESSES}group g any\n", "a group has a name"),
        (f"{WITNESSES}group g 0 w1\n", "'all', 'any' or 1 to 1"),
        (f"{WITNESSES}group g 2 w1\n", "'all', 'any' or 1 to 1"),
        (f"{WITNESSES}group g 01 w1\n", "not '01'"),
        (f"{WITNESSES}group g +1 w1\n", "not '\\+1'"),
        (f"{WITNESSES}group g ALL w1\n", "not 'ALL'"),
        (f"{WITNESSES}group g any g\n", "'g' is no witness or group of a line before"),
        (f"{WITNESSES}group g any none\n", "'none' is no witness or group"),
        (f"{WITNESSES}group g any w1 w1\n", "'w1' is a member already"),
        (f"{WITNESSES}group g any w1\ngroup h any w1\n", "line 8 .*'w1' is a member already"),
        ("#" * (POLICY_BYTES_MAX + 1), "longer than"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_line_and_the_reason(text, reason):
    with pytest.raises(LogError, match=reason):
        decode(text)


def test_thirty_two_of_each_are_read_and_not_one_more():
    keys = [SigningKey.from_seed(bytes([number]) * 32).public for number in range(ITEMS_MAX + 1)]
    logs = [f"log {Verifier(f'l{n}.example', key).vkey}\n" for n, key in enumerate(keys)]
    witnesses = [f"witness w{n} {Cosigner('w', key).vkey}\n" for n, key in enumerate(keys)]
    groups = [f"group g{n} any w{n}\n" for n in range(ITEMS_MAX)]
    most = "".join([*logs[:-1], *witnesses[:-1], *groups])
    assert len(decode(most + "quorum g31\n").witnesses) == ITEMS_MAX
    for one_more in (logs[-1], witnesses[-1], "group g32 any g0\n"):
        with pytest.raises(LogError, match="at most 32"):
            decode(most + one_more)


@given(
    st.binary(max_size=300)
    | st.tuples(
        st.integers(0, len(NESTED)), st.integers(0, len(NESTED)), st.binary(max_size=9)
    ).map(lambda cut: NESTED.encode()[: cut[0]] + cut[2] + NESTED.encode()[cut[1] :])
)
@example(b"quorum none\n")
def test_any_bytes_raise_only_our_error_or_are_read(data):
    try:
        policy = Policy.decode(data)
    except LogError:
        return
    assert Policy.decode(policy.encode()) == policy


HEAD = Log(7).note(7)


def cosigned(*numbers):
    lines = [cosign(HEAD, cosigner(n).name, witness_key(n), NOW_S + n) for n in numbers]
    return add_lines(HEAD, lines)


def test_a_policy_opens_a_checkpoint_and_says_who_cosigned():
    policy = decode(NESTED)
    opened = policy.open(cosigned(4, 0, 7, 1))
    assert opened.times_s == {"w0": NOW_S, "w1": NOW_S + 1, "w4": NOW_S + 4}
    assert (opened.checkpoint.size, opened.quorum_met, opened.unwitnessed) == (7, True, False)
    assert not policy.open(cosigned(4, 0)).quorum_met
    assert policy.open(HEAD).times_s == {}
    none = decode(POLICY.format(vkey=LOG.vkey)).open(HEAD)
    assert (none.quorum_met, none.unwitnessed) == (True, True)


def test_a_checkpoint_of_no_log_in_the_policy_is_refused():
    stranger = SigningKey.from_seed(b"s" * 32)
    with pytest.raises(LogError, match="no log of the policy"):
        decode(NESTED).open(Log(7, origin="other.example").note(7))
    with pytest.raises(LogError, match="no known key"):
        decode(NESTED).open(Log(7, key=stranger).note(7))
    with pytest.raises(LogError, match="signature of w0"):
        decode(NESTED).open(cosigned(0)[:-6] + b"AAA=\n")


def test_a_log_may_have_two_keys_in_a_policy():
    second = SigningKey.from_seed(b"s" * 32)
    other = Verifier(LOG.name, second.public)
    policy = decode(f"log {LOG.vkey}\nlog {other.vkey}\nquorum none\n")
    assert policy.open(Log(7, key=second).note(7)).checkpoint.size == 7
