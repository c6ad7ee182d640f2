"""What names a person wherever it stands, and what only looks like it."""

SEPARATORS = tuple(map(chr, (0xA0, 0x202F, *range(0x2000, 0x200B), *range(0x2010, 0x2016), 0x2212, 0x3000, 0xB7)))
UNSEEN = tuple(map(chr, (0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x202A, 0x2060, 0xFE0F, 0xFEFF)))
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
    "+1212-555-0142",
)
UNUSUAL = (
    *(f"+1{separator}212{separator}555{separator}0142" for separator in SEPARATORS),
    *(f"+1{unseen}2125{unseen}550142" for unseen in UNSEEN),
    "+\u200b12125550142",
    "+1\u00ad212-555-0142",
    "+1\u00a0(212)\u202f555\u20110142",
    "\uff0b12125550142",
    *("\uff0b1\uff08212\uff09555\u20110142", "+" + "".join(chr(0xFF10 + int(one)) for one in "12125550142")),
    "+" + "".join(chr(0x660 + int(one)) for one in "966501234567"),
    *("%2B%31%32%31%32%35%35%35%30%31%34%32", "+%31%32%31%32%35%35%35%30%31%34%32", "%EF%BC%8B12125550142"),
    *("+1%20212%20555%200142", "+1%C2%A0212%C2%A0555%C2%A00142", "%2B1%E2%80%91212%E2%80%91555%E2%80%910142"),
    *("%2B1%25C2%25A0212%25C2%25A0555%25C2%25A00142", "+1&#160;212&#160;555&#160;0142", "&#43;1&#8209;212-555-0142"),
)
"""Numbers with a plus sign whose separators or digits are not ASCII, or encoded."""
UNUSUAL_SPACED = (
    *("(212)\u00a0555-0142", "(212)\u202f555\u20110142", "212\u2011555\u20110142", "(212)\u200b 555-0142"),
    "\uff12\uff11\uff12-\uff15\uff15\uff15-0142",
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
    "10\u201320 \u20ac",
    "1\u00a0200,50\u00a0\u20ac",
    "Gr\u00f6\u00dfe 40\u201342 (XL)",
    "2026\u201111\u201126",
)
"""Ids, article numbers, times, amounts, places, clicks, addresses of machines, browsers, versions."""
IN_ADDRESSES = (
    "https://www.tiktok.com/@shop.example/video/7312345678901234567",
    "https://shop.example/?q=red+shoes+20261126&id=4006381333931",
    "https://shop.example/p/123/4567890-12/?at=%2B0100",
)
