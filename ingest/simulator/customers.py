"""The customers: who registers, moves, changes tier, leaves and returns, and the full extracts."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, HOUR, NEVER, Bools, Floats, Ints, Steps, draw, flags, pick
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, iso, nullable, typed_carelessly, words
from ingest.simulator.vocabulary import (
    CATEGORIES,
    CATEGORY_SHARES,
    FIRST_NAMES,
    GENDERS,
    LAST_NAMES,
    MAIL_DOMAINS,
    MARKETS,
    TIERS,
)


@dataclass(frozen=True)
class Customers:
    """The customers by position, sorted by registration; `address` holds positions in `addresses`.

    `weight` is how much a customer buys (0: never); nobody buys from `active_until` on.
    `is_absent` is loads x customers: missing from that extract. `is_late` customers order in the
    last load but one and are in the last extract only. `mail` is the address as one would write it.
    Some open a second or third account: `person` is the position of their first one, `mail` or
    `phone` (the number without its prefix, -1: none) is then the same as that of an earlier one.
    """

    created: Ints
    weight: Floats
    favourite: Ints
    active_until: Ints
    is_late: Bools
    is_absent: Bools
    address: Steps
    tier: Steps
    has_email: Steps
    consent: Steps
    addresses: pl.DataFrame
    address_market: Ints
    mail: pl.Series
    phone: Ints
    person: Ints

    @property
    def size(self) -> int:
        """Number of customers."""
        return self.created.size


def make_customers(plan: Plan) -> Customers:
    """Draws the customers, exactly as many without an e-mail address as the sizes say."""
    rng = plan.rng("customers")
    size = plan.sizes.customers
    created, is_late = _registrations(plan, rng, size)
    settled = np.flatnonzero((created < plan.cutoffs[0] - DAY) & ~is_late)
    is_absent, left = _absences(plan, rng, created, is_late, settled)
    steady = np.setdiff1d(settled, left)
    weight = rng.gamma(1.2, 1.0, size) + 0.05
    weight[draw(rng, np.arange(size), max(1, size * 12 // 500))] = 0.0
    weight[steady[:1]] = 1.0
    market = pick(rng, [m.share for m in MARKETS.values()], size)
    movers, moved_at = _changes(plan, rng, created, steady, yearly=0.08, share=0.012)
    abroad = rng.random(movers.size) < 0.2
    new_market = pick(rng, [m.share for m in MARKETS.values()], movers.size)
    address_market = np.concatenate([market, np.where(abroad, new_market, market[movers])])
    address_ids = size + np.arange(movers.size)
    has_email = _emails(plan, rng, steady, size)
    person, mail_of, phone_of = _accounts(plan, has_email)
    return Customers(
        created=created,
        weight=weight,
        favourite=pick(rng, CATEGORY_SHARES, size),
        active_until=np.where(flags(size, left), plan.cutoffs[0] - DAY, NEVER),
        is_late=is_late,
        is_absent=is_absent,
        address=Steps.build(np.arange(size), movers, moved_at, address_ids),
        tier=_tiers(plan, rng, created, steady),
        has_email=has_email,
        consent=_consents(plan, rng, created, steady),
        addresses=_addresses(rng, address_market),
        address_market=address_market,
        mail=_mail(plan, person)[mail_of],
        phone=_phones(plan, phone_of),
        person=person,
    )


def _registrations(plan: Plan, rng: np.random.Generator, size: int) -> tuple[Ints, Bools]:
    """When each registered, and who of them reaches the extracts one load late."""
    late = min(plan.share(3, 2_000, 3), size // 20) if plan.loads >= 2 else 0
    fresh_days = np.repeat(np.arange(plan.days - plan.loads + 1, plan.days), 2)
    fresh = plan.day_starts[fresh_days] + rng.integers(HOUR, 20 * HOUR, fresh_days.size)
    old = (size - late - fresh.size) * 3 // 5
    rest = size - late - fresh.size - old
    created = np.concatenate(
        [
            plan.start - rng.integers(DAY, 900 * DAY, old),
            rng.integers(plan.start, plan.end - HOUR, rest),
            fresh,
            plan.day_starts[max(0, plan.days - 2)] + rng.integers(HOUR, 4 * HOUR, late),
        ]
    )
    order = np.argsort(created, kind="stable")
    return created[order], (order >= size - late)


def _absences(
    plan: Plan, rng: np.random.Generator, created: Ints, is_late: Bools, settled: Ints
) -> tuple[Bools, Ints]:
    """Missing from the extracts: not registered yet, late, deleted, deleted and returned."""
    absent = created[None, :] >= plan.cutoffs[:, None]
    count = max(1, created.size // 125)
    left = rng.permutation(draw(rng, settled, 3 * count if plan.loads >= 2 else 0))
    if plan.loads >= 2:
        absent[-2, is_late] = True
        absent[-1, left[:count]] = True
    if plan.loads >= 3:
        absent[-2, left[count : 2 * count]] = True
        absent[-2:, left[2 * count :]] = True
    return absent, left


def _changes(
    plan: Plan, rng: np.random.Generator, created: Ints, steady: Ints, yearly: float, share: float
) -> tuple[Ints, Ints]:
    """Changes of (customer, instant): `yearly` per head in the history, `share` per later load."""
    counts = rng.poisson(yearly * plan.days / 365, steady.size)
    customers = [np.repeat(steady, counts)]
    days = [rng.integers(0, plan.days - plan.loads + 1, int(counts.sum()))]
    for load in range(1, plan.loads):
        customers.append(draw(rng, steady, max(3, int(share * steady.size))))
        days.append(np.full(customers[-1].size, plan.days - plan.loads + load))
    customer = np.concatenate(customers)
    at = plan.instants(rng, np.concatenate(days))
    known = at > created[customer] + HOUR
    return customer[known], at[known]


def _tiers(plan: Plan, rng: np.random.Generator, created: Ints, steady: Ints) -> Steps:
    initial = pick(rng, [0.62, 0.24, 0.10, 0.04], created.size)
    customer, at = _changes(plan, rng, created, steady, yearly=0.25, share=0.016)
    # A tier is one step away from the first one, so each change shows as one.
    step = np.where(initial[customer] == len(TIERS) - 1, -1, 1)
    return Steps.build(initial, customer, at, initial[customer] + step)


def _consents(plan: Plan, rng: np.random.Generator, created: Ints, steady: Ints) -> Steps:
    initial = (rng.random(created.size) < 0.6).astype(np.int64)
    customer, at = _changes(plan, rng, created, steady, yearly=0.1, share=0.006)
    return Steps.build(initial, customer, at, 1 - initial[customer])


def _emails(plan: Plan, rng: np.random.Generator, steady: Ints, size: int) -> Steps:
    """Who has an e-mail address: exactly the planned number has none at the end.

    In each later load a few lose it and as many others give one.
    """
    missing = plan.sizes.customers_without_email
    per_load = max(1, missing // 50)
    switch = rng.permutation(steady)[: 2 * per_load * (plan.loads - 1)]
    losers, givers = switch[0::2], switch[1::2]
    others = np.setdiff1d(np.arange(size), switch)
    never = draw(rng, others, missing - losers.size)
    initial = np.ones(size, dtype=np.int64)
    initial[never] = 0
    initial[givers] = 0
    customer = np.concatenate([losers, givers])
    value = np.concatenate([np.zeros_like(losers), np.ones_like(givers)])
    first = plan.days - plan.loads + 1
    turn = np.concatenate([np.arange(losers.size), np.arange(givers.size)])
    at = plan.instants(rng, first + turn % max(1, plan.loads - 1))
    return Steps.build(initial, customer, at, value)


def _accounts(plan: Plan, has_email: Steps) -> tuple[Ints, Ints, Ints]:
    """Whose first account, mail address and phone number each account has: mostly its own.

    One person in sixty opens a second account, with the address or the number of the first. A few
    open a third: it has the number of the second, which has the address of the first.
    """
    size = plan.sizes.customers
    rng = plan.rng("second accounts")
    person, mail_of, phone_of = np.arange(size), np.arange(size), np.arange(size)
    with_email = has_email.at(person, np.full(size, plan.end)) == 1
    candidates = np.setdiff1d(np.flatnonzero(with_email), has_email.entity[has_email.start > 0])
    triples = max(1, size // 600)
    pairs = max(2, size // 60 - triples)
    chosen = np.sort(draw(rng, candidates, 3 * triples + 2 * pairs))
    first, second, third = chosen[: 3 * triples].reshape(3, triples)
    earlier, later = chosen[3 * triples :].reshape(2, pairs)
    person[[*second, *third, *later]] = [*first, *first, *earlier]
    mail_of[[*second, *later[::2]]] = [*first, *earlier[::2]]
    phone_of[[*third, *later[1::2]]] = [*second, *earlier[1::2]]
    return person, mail_of, phone_of


def _phones(plan: Plan, phone_of: Ints) -> Ints:
    """Numbers of seven digits, no two alike but those that are shared; -1 for one in ten."""
    rng = plan.rng("phones")
    shared = np.flatnonzero(phone_of != np.arange(phone_of.size))
    has_phone = rng.random(phone_of.size) > 0.1
    has_phone[shared] = True
    has_phone[phone_of[shared]] = True
    return np.where(has_phone, (phone_of * 7_654_321 + 1_234_567) % 10**7, -1)


def _addresses(rng: np.random.Generator, market: Ints) -> pl.DataFrame:
    """One row per address: line1, postal_code, city, state, country."""
    parts = []
    for position, (country, shape) in enumerate(MARKETS.items()):
        rows = np.flatnonzero(market == position)
        city = rng.integers(0, len(shape.cities), rows.size)
        street = words(shape.streets, rng.integers(0, len(shape.streets), rows.size))
        number = pl.Series(rng.integers(1, 160, rows.size)).cast(pl.String)
        digits = np.array([c.digits for c in shape.cities])[city]
        code = pl.Series(rng.integers(0, 10**9, rows.size) % 10**digits).cast(pl.String)
        padded = pl.DataFrame({"code": code, "digits": digits}).select(
            ("000" + pl.col("code")).str.tail(pl.col("digits"))
        )
        prefix = words([c.prefix for c in shape.cities], city)
        suffix = words([c.suffix for c in shape.cities], city)
        space = pl.Series([" "])
        line1 = number + space + street if shape.is_number_first else street + space + number
        parts.append(
            pl.DataFrame(
                {
                    "row": rows,
                    "line1": line1,
                    "postal_code": prefix + padded.to_series() + suffix,
                    "city": words([c.name for c in shape.cities], city),
                    "state": words([c.state for c in shape.cities], city),
                    "country": words([country], np.zeros_like(rows)),
                }
            )
        )
    return pl.concat(parts).sort("row").drop("row")


def _names(plan: Plan, person: Ints) -> tuple[Ints, Ints]:
    rng = plan.rng("names")
    first = rng.integers(0, len(FIRST_NAMES), person.size)
    return first[person], rng.integers(0, len(LAST_NAMES), person.size)[person]


def _plain(name: str) -> str:
    letters = name.lower().replace("ß", "ss").replace("ł", "l").replace("'", "")
    return unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()


def _mail(plan: Plan, person: Ints) -> pl.Series:
    size = person.size
    first, last = _names(plan, person)
    domain = plan.rng("mail").integers(0, len(MAIL_DOMAINS), size)
    frame = pl.DataFrame(
        {
            "first": words([_plain(n) for n in FIRST_NAMES], first),
            "last": words([_plain(n) for n in LAST_NAMES], last),
            "number": np.arange(1, size + 1),
            "domain": words(MAIL_DOMAINS, domain),
        }
    )
    return frame.select(pl.format("{}.{}{}@{}", "first", "last", "number", "domain")).to_series()


def customer_extract(plan: Plan, customers: Customers, load: int) -> pl.DataFrame:
    """The full extract of one load: one row per customer in it, and a few rows twice."""
    size = customers.size
    rng = plan.rng("customer attributes")
    first, last = _names(plan, customers.person)
    gender = np.where(rng.random(size) < 0.12, -1, pick(rng, [0.5, 0.47, 0.03], size))
    birth = rng.integers(1945, 2007, size)
    has_birth = rng.random(size) > 0.08
    care = np.where(rng.random(size) < 0.04, pick(rng, [0, 0.7, 0, 0.3], size), 0)
    has_billing = rng.random(size) < 0.25
    billing = rng.permutation(size)  # somebody else's street will do as an invented address

    present = np.flatnonzero(~customers.is_absent[load])
    repeated = draw(rng, present, max(2, size // 2_000)) if load == 0 else present[:0]
    rows = np.concatenate([present, repeated])
    at = np.full(rows.size, plan.cutoffs[load] - 1)
    steps = (customers.address, customers.tier, customers.has_email, customers.consent)
    updated = customers.created[rows]
    for step in steps:
        updated = np.maximum(updated, step.changed(rows, at))
    consent = customers.consent.at(rows, at) == 1
    consent_at = np.maximum(customers.consent.changed(rows, at), customers.created[rows])
    home = customers.addresses[customers.address.at(rows, at)]
    other = customers.addresses[billing[rows]]
    has_mail = pl.Series(customers.has_email.at(rows, at) == 1)
    mail = typed_carelessly(customers.mail[rows], care[rows])
    call = pl.Series(customers.phone[rows])
    return pl.select(
        customer_id=ids("C", rows),
        created_at=iso(customers.created[rows]),
        updated_at=iso(updated),
        name=pl.struct(first=words(FIRST_NAMES, first[rows]), last=words(LAST_NAMES, last[rows])),
        contact=pl.struct(
            email=pl.when(has_mail).then(mail),
            phone=pl.when(call >= 0).then(pl.lit("+99 555 ") + call.cast(pl.String).str.zfill(7)),
        ),
        addresses=_address_list(home, other, has_billing[rows]),
        birth_year=nullable(birth[rows], has_birth[rows]),
        gender=words(GENDERS, gender[rows]),
        loyalty_tier=words(TIERS, customers.tier.at(rows, at)),
        marketing_consent=pl.struct(
            granted=pl.Series(consent), granted_at=iso(np.where(consent, consent_at, NEVER))
        ),
    )


def _address_list(home: pl.DataFrame, other: pl.DataFrame, has_other: Bools) -> pl.Series:
    def entry(frame: pl.DataFrame, kind: str, is_default: bool) -> pl.Series:
        return frame.select(
            pl.struct(
                pl.lit(kind).alias("type"),
                pl.all(),
                pl.lit(is_default).alias("is_default"),
            )
        ).to_series()

    shipping, billing = entry(home, "shipping", True), entry(other, "billing", False)
    return pl.select(
        pl.when(pl.Series(has_other))
        .then(pl.concat_list(shipping, billing))
        .otherwise(pl.concat_list(shipping))
    ).to_series()


def customer_truth(plan: Plan, customers: Customers) -> dict[str, pl.DataFrame]:
    """What was planted: how much each buys, every change with its instant, every absence."""
    position = np.arange(customers.size)
    last = np.full(customers.size, plan.end)
    changes = [
        pl.DataFrame(
            {
                "customer_id": ids("C", steps.entity[later]),
                "changed": words([name], np.zeros(int(later.sum()), dtype=np.int64)),
                "changed_at": pl.Series(steps.start[later] * 1000).cast(pl.Datetime("ms")),
                "load": plan.load_of(steps.start[later]) + 1,
            }
        )
        for name, steps in (
            ("address", customers.address),
            ("tier", customers.tier),
            ("email", customers.has_email),
            ("consent", customers.consent),
        )
        for later in [steps.start > 0]
    ]
    registered = customers.created[None, :] < plan.cutoffs[:, None]
    load, absent = np.nonzero(customers.is_absent & registered)
    return {
        "customers": pl.DataFrame(
            {
                "customer_id": ids("C", position),
                "first_account_id": ids("C", customers.person),
                "weight": customers.weight,
                "favourite_category": words(CATEGORIES, customers.favourite),
                "is_never_buyer": customers.weight == 0,
                "is_late_arriving": customers.is_late,
                "has_email": customers.has_email.at(position, last) == 1,
            }
        ),
        "customer_changes": pl.concat(changes),
        "customer_absences": pl.DataFrame(
            {
                "customer_id": ids("C", absent),
                "load": load + 1,
                "kind": words(("deleted", "late"), customers.is_late[absent].astype(np.int64)),
            }
        ),
    }
