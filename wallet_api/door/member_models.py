"""What a member's own addresses answer with.

>>> EnergyDayOut(day="2026-06-15", first=989_712, periods=48, is_final=False, items=[]).run is None
True
"""

from pydantic import Field

from wallet_api.door.wire import Id, Model, Period, Units, Wh


class YesterdayOut(Model):
    """What the last day that was worked out came to."""

    day: str = Field(examples=["2026-06-15"])
    run: str = Field(
        description="The run that worked it out last; `II` is not final.", examples=["SF"]
    )
    bought_wh: Wh
    sold_wh: Wh
    units: Units


class MovedOut(Model):
    """A line of what moved in the wallet."""

    period: Period
    log_entry: int = Field(
        description="Position in the log of what caused it: ask for its receipt."
    )
    kind: str = Field(description="`energy`, or the statement's kind.", examples=["transfer"])
    units: Units
    other: Id | None = Field(default=None, description="The other member.")
    other_name: str | None = Field(
        default=None, description="Absent where there is no name any more."
    )
    words: str | None = Field(default=None, description="What was written, or energy's local day.")


class HomeOut(Model):
    """A member's first screen."""

    name: str | None = Field(default=None, description="Theirs; absent where it was erased.")
    currency: str = Field(examples=["BRM"])
    available_units: Units
    posted_units: Units
    held_units: Units
    owed_units: Units
    coming_units: Units
    yesterday: YesterdayOut | None = None
    last: list[MovedOut]
    read_through: Period | None = Field(
        default=None, description="The half-hour after the last reading."
    )
    final_through: str | None = Field(
        default=None, description="The last local day that was posted."
    )
    now: Period = Field(description="The half-hour that it is for this community.")
    waiting: bool = Field(
        description="A change of this account's keys waits: look at `/v1/account`."
    )


class MovedPageOut(Model):
    """What moved in the wallet, the latest first."""

    items: list[MovedOut]
    next: str | None = Field(
        default=None, description="Cursor of the next page; absent at the end."
    )


class HalfHourOut(Model):
    """A half-hour as the last run left it."""

    period: Period
    own_use_wh: Wh
    bought_wh: Wh
    sold_wh: Wh
    grid_import_wh: Wh
    grid_export_wh: Wh
    bought_units: Units
    sold_units: Units


class EnergyDayOut(Model):
    """A member's local day: 46, 48 or 50 half-hours; one that is not worked out is not among them."""

    day: str
    first: Period
    periods: int = Field(description="Half-hours of the day.", examples=[48])
    run: str | None = Field(
        default=None, description="The last run of the day; absent before the first."
    )
    is_final: bool = Field(description="No later run is due.")
    items: list[HalfHourOut]
