"""The numbers of +1 for docs/semantics.md, section 10: toll-free ones, and long codes of the United States."""

import re

TOLL_FREE = {"800", "833", "844", "855", "866", "877", "888"}
# Ambiguous: Puerto Rico (787, 939) and the US Virgin Islands (340) are the United States here: their carriers want the
# same registration. Bermuda (441) counts as Caribbean.
ELSEWHERE = {
    "Alberta": "368 403 587 780 825",
    "British Columbia": "236 250 257 604 672 778",
    "Manitoba": "204 431 584",
    "New Brunswick": "428 506",
    "Newfoundland and Labrador": "709 879",
    "Nova Scotia and Prince Edward Island": "782 902",
    "Ontario": "226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 807 905 942",
    "Quebec": "263 273 354 367 418 438 450 468 514 579 581 819 873",
    "Saskatchewan": "306 474 639",
    "Yukon, Northwest Territories, Nunavut": "867",
    "Canada, of no place": "600 622 633 644 655 677 688",
    "Anguilla": "264",
    "Antigua and Barbuda": "268",
    "Bahamas": "242",
    "Barbados": "246",
    "Bermuda": "441",
    "British Virgin Islands": "284",
    "Cayman Islands": "345",
    "Dominica": "767",
    "Dominican Republic": "809 829 849",
    "Grenada": "473",
    "Jamaica": "658 876",
    "Montserrat": "664",
    "Saint Kitts and Nevis": "869",
    "Saint Lucia": "758",
    "Saint Vincent and the Grenadines": "784",
    "Sint Maarten": "721",
    "Trinidad and Tobago": "868",
    "Turks and Caicos Islands": "649",
}
NOT_OF_THE_UNITED_STATES = {code for codes in ELSEWHERE.values() for code in codes.split()}


def is_toll_free(number: str | None) -> bool:
    return _area_code(number) in TOLL_FREE


def is_us_long_code(number: str | None) -> bool:
    code = _area_code(number)
    return code is not None and code not in TOLL_FREE | NOT_OF_THE_UNITED_STATES


def _area_code(number: str | None) -> str | None:
    found = re.fullmatch(r"\+1([0-9]{3})[0-9]{7}", number or "")
    return found and found[1]
