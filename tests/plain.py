"""What names a person wherever it stands, and what only looks like it."""

DIALLED = (
    "+12125550142",
    "+1 212 555 0144",
    "+1-212-555-0145",
    "+1.212.555.0146",
    "+1 (212) 555-0147",
    "+49 30 23125123",
    "+33 6 39 98 01 23",
    "+44 (0) 20 7946 0958",
    "tel:+12125550152",
    "%2B12125550153",
    "+12125550142x",
    "+12125550142ext5",
    "+1 212 555 0142x5",
    "+1_212_555_0142",
)
BEHIND_LETTERS = ("Tel+12125550142", "WhatsApp+44 20 7946 0958", "a+1234567890")
"""Taken out of texts; in addresses and ids a plus sign behind letters stands for a blank, or before a build's number."""
SPACED = ("(212) 555-0142", "(212)555-0143", "212-555-0146", "212.555.0147", "(020) 7946 0958", "1-212-555-0145")
HARMLESS = (
    "OR-2026-11-26-000123",
    "113-1234567-1234567",
    "4006381333931",
    "978-3-16-148410-0",
    "2026-11-26T18:33:29+00:00",
    "2026-11-26 18:33:29.123456+05:30",
    "1764181409",
    "1764181409123",
    "1234567.890123",
    "+40.712776,-74.005974",
    "+27.5916+086.5640+8850/",
    "E.C.P.CrkBkQGe1Xh0+aB3/12345678_-x9==",
    "123e4567-e89b-12d3-a456-426614174000",
    "203.0.113.7",
    "2001:db8::8a2e:370:7334",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/119.0.6045.163",
    "10.15.7",
    "v2.0.0-rc.1+build.20261126",
    "1.5E+12",
    "a+12345678",
    "C++11",
    "2+2=4",
)
"""Ids, article numbers, times, amounts, places, clicks, addresses of machines, browsers, versions."""
IN_ADDRESSES = (
    "https://www.tiktok.com/@shop.example/video/7312345678901234567",
    "https://shop.example/?q=red+shoes+20261126&id=4006381333931",
    "https://shop.example/p/123/4567890-12/?at=%2B0100",
)
