import { describe, expect, test } from "vitest";
import { newId, tail } from "../src/core/ids";
import { kwhText, moneyText, penceOf, priceText, ticksTyped, unitsTyped } from "../src/core/money";
import { addMonths, clock, daysOf, firstOf, localDay, mondayOf, periodsOf } from "../src/core/periods";

const POUND = { symbol: "£" };

describe("money", () => {
  test.each([
    [885_000, "£0.09"],
    [-50_000, "£0.00"],
    [150_000, "£0.02"],
    [50_000, "£0.00"],
    [-12_345_600_000, "−£1,234.56"],
    [12_345_678_900_000, "£1,234,567.89"],
  ])("%i units are %s, as in Python", (units, text) => {
    expect(moneyText(units, POUND)).toBe(text);
  });

  test("a plus is said where it is asked for, and of zero never", () => {
    expect(moneyText(4_800_000, { ...POUND, plus: true })).toBe("+£0.48");
    expect(moneyText(40_000, { ...POUND, plus: true })).toBe("£0.00");
  });

  test("the largest amount loses nothing", () => {
    expect(penceOf(2 ** 53 - 1)).toBe(90_071_992_547);
  });

  test.each([
    ["3.60", 36_000_000],
    ["3,6", 36_000_000],
    [" £12 ", 120_000_000],
    ["0.01", 100_000],
    ["0", null],
    ["3.601", null],
    ["-3", null],
    ["1e3", null],
    ["", null],
  ])("%j typed is %s units", (text, units) => {
    expect(unitsTyped(text)).toBe(units);
  });

  test("prices and energy", () => {
    expect(priceText(1430)).toBe("14.30p");
    expect(priceText(-5)).toBe("−0.05p");
    expect(ticksTyped("14.3p")).toBe(1430);
    expect(ticksTyped("fourteen")).toBeNull();
    expect(kwhText(1130)).toBe("1.13 kWh");
    expect(kwhText(12_345)).toBe("12.3 kWh");
    expect(kwhText(1_234_500)).toBe("1,234.5 kWh");
  });
});

describe("half-hours", () => {
  test("are numbered as in Python", () => {
    expect(clock(989_737, "Europe/London")).toBe("13:30");
    expect(localDay(989_737, "Europe/London")).toBe("2026-06-15");
  });

  test.each([
    ["2026-03-29", "Europe/London", 46],
    ["2026-06-15", "Europe/London", 48],
    ["2026-10-25", "Europe/London", 50],
    ["2026-04-05", "Australia/Lord_Howe", 49],
    ["2026-06-15", "Asia/Kathmandu", 48],
    ["2026-06-15", "Pacific/Kiritimati", 48],
    ["2026-06-15", "Pacific/Pago_Pago", 48],
  ])("%s has in %s %i", (day, zone, count) => {
    const periods = periodsOf(day, zone);
    expect(periods).toHaveLength(count);
    expect(localDay(periods[0]!, zone)).toBe(day);
    expect(localDay(periods.at(-1)!, zone)).toBe(day);
    expect(localDay(periods[0]! - 1, zone) < day).toBe(true);
  });

  test("a clock that goes back says the same time twice", () => {
    const first = firstOf("2026-10-25", "Europe/London");
    const times = Array.from({ length: 6 }, (_, index) => clock(first + index, "Europe/London"));
    expect(times).toEqual(["00:00", "00:30", "01:00", "01:30", "01:00", "01:30"]);
  });

  test("weeks and months", () => {
    expect(mondayOf("2026-06-21")).toBe("2026-06-15");
    expect(mondayOf("2026-06-15")).toBe("2026-06-15");
    expect(daysOf("2028-02")).toHaveLength(29);
    expect(addMonths("2026-12", 1)).toBe("2027-01");
  });
});

test("ids are of version 7, as Python makes them", () => {
  expect(newId(1_781_500_000_000, new Uint8Array(10))).toBe("019ec9acb70070008000000000000000");
  expect(newId()).not.toBe(newId());
  expect(tail("0f0f0f0f0f0f0f0f0f0f0f0f0f0f7ab2")).toBe("7AB2");
});
