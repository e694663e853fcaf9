"""The ledger given to hledger and Beancount: do they accept it, and what do they make of its balances?

>>> units_of("-1.0000005", "FON")
-10000005
"""

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ledger.beancount import write_beancount
from ledger.hledger import write_journal
from tests.engines import missing

SUM_WITH_BEANCOUNT = """
import sys
from collections import defaultdict
from beancount import loader
from beancount.core import data
entries, errors, _ = loader.load_file(sys.argv[1])
assert not errors, errors[:3]
names, sums = {}, defaultdict(int)
for entry in entries:
    if isinstance(entry, data.Open):
        names[entry.account] = entry.meta["name"]
    elif isinstance(entry, data.Transaction):
        for posting in entry.postings:
            sums[posting.account, posting.units.currency] += posting.units.number
for (account, currency), number in sorted(sums.items()):
    print(names[account], currency, f"{number:f}", sep=",")
"""


def written(database, store, path, write, title="Fontana 17"):
    """Write a ledger for another program and return the file."""
    with database.read() as connection, path.open("w", encoding="utf-8") as out:
        accounts = list(store.balances(connection))
        write(store.transfers(connection), out, title=title, accounts=accounts)
    return path


def run(*command):
    """Run a program and return what it said."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def units_of(number, currency):
    """Return an amount as these programs write it, in the asset's smallest unit."""
    whole, _, part = number.partition(".")
    assert len(part) == (0 if currency == "WH" else 7)
    return int(whole + part)


def hledger_says(database, store, folder):
    """Have hledger check a ledger strictly; return its balances that are not zero."""
    if shutil.which("hledger") is None:
        missing("hledger (apt-get install hledger)")
    path = written(database, store, folder / "year.journal", write_journal)
    checked = run("hledger", "-f", path, "check", "--strict")
    assert (checked.returncode, checked.stderr) == (0, "")
    answer = run("hledger", "-f", path, "bal", "-N", "--flat", "-O", "csv", "--layout=bare")
    return {
        (name.replace(":", "/"), currency): units_of(number, currency)
        for name, currency, number in list(csv.reader(io.StringIO(answer.stdout)))[1:]
    }


def beancount_says(database, store, folder):
    """Have bean-check check a ledger; return Beancount's balances that are not zero."""
    program = Path(sys.executable).with_name("bean-check")
    if not program.exists():
        missing("bean-check (make install of the test tools)")
    path = written(database, store, folder / "year.beancount", write_beancount)
    checked = run(program, path)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    summed = run(sys.executable, "-c", SUM_WITH_BEANCOUNT, path)
    assert summed.returncode == 0, summed.stderr
    rows = csv.reader(io.StringIO(summed.stdout))
    found = {(name, currency): units_of(number, currency) for name, currency, number in rows}
    return {key: value for key, value in found.items() if value}


def as_they_say(balances):
    """Return our balances that are not zero, named as those programs' are."""
    ours = {}
    for account, posted in balances.items():
        name, _, asset = account.partition(" ")
        if posted:
            ours[name, asset.partition("/")[0]] = posted
    return ours
