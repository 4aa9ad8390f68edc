"""Holds vectors.tsv against the Python package biip, where both speak. Without biip it says so and succeeds."""

import sys
from decimal import Decimal
from pathlib import Path

try:
    from biip import ParseConfig, ParseError
    from biip.gtin import Gtin
    from biip.rcn import Rcn, RcnRegion
    from biip.upc import Upc
except ImportError:
    print("skipped: no Python package biip")
    sys.exit(0)


def restricted(scheme, number):
    """What biip finds in a restricted circulation number, in the words of the table."""
    config = ParseConfig(rcn_region=RcnRegion(scheme), rcn_verify_variable_measure=True)
    try:
        found = Gtin.parse(number, config=config)
    except ParseError:
        return "measure-check-digit"
    assert isinstance(found, Rcn)
    measures = {"price": found.price, "weight": found.weight, "count": found.count}
    name, value = next((name, value) for name, value in measures.items() if value is not None)
    item = found.without_variable_measure().as_gtin_14()
    return found.item_reference, item, name, Decimal(value)


def expected_of(text):
    if " " not in text:
        return text
    item, gtin, name, value = text.split(" ")
    return item, gtin, name, Decimal(value)


def main():
    regions = {region.value for region in RcnRegion}
    checked = 0
    wrong = []
    for line in (Path(__file__).parent / "vectors.tsv").read_text().splitlines():
        if line.startswith("#"):
            continue
        kind, setting, number, expected = line.split("\t")
        if kind == "restricted" and setting in regions:
            found, wanted = restricted(setting, number), expected_of(expected)
        elif kind == "upc-e":
            found, wanted = Upc.parse(number).as_upc_a(), expected
        elif kind == "publication" or (kind == "written" and expected != "-"):
            text = number if kind == "publication" else expected
            found, wanted = Gtin.parse(text).as_gtin_14(), text.zfill(14)
        else:
            continue
        checked += 1
        if found != wanted:
            wrong.append(f"{line}: biip has {found}")
    print(f"biip: {checked} vectors checked, {len(wrong)} differ")
    print("\n".join(wrong))
    sys.exit(1 if wrong or not checked else 0)


main()
