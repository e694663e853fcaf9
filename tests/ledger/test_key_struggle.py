"""A thief with the member's telephone against everybody else, in whatever order things happen."""

from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import SignatureError
from ledger.key_life import DELAYS
from ledger.primitives.signing import SigningKey
from tests.ledger.key_stories import DAY, Story, thiefs_code
from tests.ledger.statement_examples import DEVICE, HELPERS, OPERATORS, body_of, key_of

IDLE = "ff" * 16


@dataclass
class Struggle:
    """A thief with the member's telephone, an owner without, and people who help either."""

    story: Story = field(default_factory=Story)
    thief: SigningKey = DEVICE
    last: str = IDLE
    count: int = 100

    def step(self, name: str) -> None:
        """Try one thing; what is refused changes nothing."""
        self.count += 1
        with suppress(SignatureError):
            getattr(self, name)(key_of(self.count))

    def code(self, new):
        self.last = self.story.recover(new=new)

    def helpers(self, new):
        self.last = self.story.change("helpers", [*HELPERS, new], [new])

    def operators(self, new):
        self.last = self.story.change("operators", [*OPERATORS[:2], new], [new])

    def decide(self, new):
        signers = [*OPERATORS[:2], new]
        self.last = self.story.change("operators", signers, [new], decides=self.last)

    def objects(self, _new):
        self.story.log("key_objection", [self.thief], change=self.last)

    def freeze(self, _new):
        self.story.log("freeze", [self.thief])

    def opened(self, _new):
        self.story.log("freeze", OPERATORS[:2], frozen=False)

    def takes(self, new):
        self.story.change("keys", [self.thief, new], [new])
        self.thief = new

    def newcode(self, new):
        self.last = thiefs_code(self.story, self.thief, new)

    def wait(self, _new):
        self.story.period += DAY


STEPS = st.sampled_from(
    [
        "code",
        "helpers",
        "operators",
        "decide",
        "objects",
        "freeze",
        "opened",
        "takes",
        "newcode",
        "wait",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_a_thief_with_a_telephone_never_keeps_an_account_against_two_operators(steps):
    """Whatever happens before, operators who persist give the account back to its owner."""
    struggle, owner = Struggle(), key_of(255)
    for step in steps:
        struggle.step(step)
    story = struggle.story
    story.period += DELAYS["code"]  # whatever waits, has its effect or an objection
    for _ in range(2):
        struggle.step("newcode")  # the thief is always faster
        pending = story.book.member(body_of("offer")["account"], story.period).pending
        decides = {"decides": pending.id} if pending and pending.objected else {}
        change = story.change("operators", [*OPERATORS[:2], owner], [owner], **decides)
        with suppress(SignatureError):
            story.log("key_objection", [struggle.thief], change=change)
        story.period += DELAYS["operators"]
    assert story.signs(owner)
    assert not story.signs(struggle.thief)
