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
HIDDEN = (
    *(
        "jane\uff20example.com",
        "jane\ufe6bexample.com",
        "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "𝐣𝐚𝐧𝐞@𝐞𝐱𝐚𝐦𝐩𝐥𝐞.𝐜𝐨𝐦",
        "jane@example\u3002com",
    ),
    *(
        "jane\x01@example.com",
        "ja\x00ne@example.com",
        "jane@exa\x1fmple.com",
        "jane@example\x7f.com",
        "jane\x85@example.com",
    ),
    *("jane&#37;40example.com", "jane&percnt;40example.com", "jane&amp;#37;40example.com", "jane&#37;2540example.com"),
    *("jane&#37;&#52;&#48;example.com", "jane&#92;u0040example.com", "jane&bsol;u0040example.com"),
    *("jane%40example.com", "jane%2540example.com", "jane%25252540example.com", "jane%EF%BC%A0example.com"),
    *("jane%u0040example.com", "jane%2Fjoe%40example%2Ecom".replace("%2Fjoe", ""), "%6A%61%6E%65%40example.com"),
    *("jane&#64;example.com", "jane&#x40;example.com", "jane&#0064;example&#46;com", "jane&amp;amp;#64;example.com"),
    *(
        "jane&commat;example.com",
        "jane&amp;commat;example&period;com",
        "jane%26commat%3Bexample.com",
        "jane&#65312;example.com",
    ),
    *(
        "jane\\u0040example.com",
        "jane\\\\u0040example.com",
        "jane\\x40example.com",
        "jane\\u{40}example.com",
        "jane\\uff20example.com",
    ),
    *("jane @ example.com", "jane  @ example.com", "jane@ example.com", "jane+@+example.com", "jane %40 example.com"),
    *(
        "jane(at)example.com",
        "jane[at]example.com",
        "jane (at) example.com",
        "jane [ at ] example.com",
        "jane(AT)example.com",
        "jane{at}example.com",
        "jane { at } example.com",
        "jane( at )example.com",
    ),
    *(
        "jane[at]example[dot]com",
        "jane(at)example(dot)com",
        "jane [At] mail [dot] example [dot] org",
        "jane\uff08at\uff09example.com",
        "jane{at}example{dot}com",
        "jane\uff5bat\uff5dexample.com",
    ),
    *(
        "jane%28at%29example.com",
        "jane%5Bat%5Dexample.com",
        "jane&lpar;at&rpar;example.com",
        "jane&#91;at&#93;example.com",
        "jane%7Bat%7Dexample.com",
        "jane&lcub;at&rcub;example.com",
        "jane&#123;at&#125;example.com",
    ),
    *(
        '"jane doe"@example.com',
        "&quot;jane doe&quot;@example.com",
        "%22jane%20doe%22%40example.com",
        '"jane"(at)example.com',
    ),
    *("jane(home)@example.com", "jane\u2060@ex\u00adample.com", "jane\U000e0041@example.com"),
)
"""Addresses whose @ or other characters are encoded, are not those of ASCII, or are written so that no program sees them."""
DIALLED_BEYOND_ASCII = (
    *(
        "\uff0b\uff11\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff12",
        "+𝟏𝟐𝟏𝟐𝟓𝟓𝟓𝟎𝟏𝟒𝟐",
        "+୧୨୧୨୫୫୫୦୧୪୨",
        "\u207a12125550142",
    ),
    *("+1\x00212\x005550142", "+1\x85212\x855550142", "&#37;2B12125550142", "&percnt;2B1%20212%205550142"),
    *(
        "&plus;12125550142",
        "&amp;plus;12125550142",
        "%26plus%3B12125550142",
        "+1&nbsp;212&nbsp;555&nbsp;0142",
        "&#65291;12125550142",
    ),
    *("\\u002b12125550142", "\\uff0b12125550142", "%u002B12125550142", "+1\U000e00412125550142"),
    "%EF%BC%8B%EF%BC%91%EF%BC%92%EF%BC%91%EF%BC%92%EF%BC%95%EF%BC%95%EF%BC%95%EF%BC%90%EF%BC%91%EF%BC%94%EF%BC%92",
)
"""Phone numbers likewise."""
HARMLESS_AT = (
    *(
        "logo@2x.png",
        "meet me at noon",
        "2 @ 3 EUR",
        "3 @ 4.50",
        "Live @ O2.Arena",
        "meet @ the.shop",
        "dinner @ Joe's",
        "@ home",
    ),
    *(
        "Follow @shop.example",
        "see (at) 50%",
        "array[at]",
        "Sale (at) noon",
        "[at]",
        "(at)",
        "{at}",
        "${at}.map",
        "look{at}",
        "5 (at) 3.50 EUR",
        "a[dot]b",
        "x&commat;y",
    ),
    *(
        "R&D; T&C",
        "AT&T;",
        "fish &amp; chips",
        "tom&plus;jerry",
        "\uff20home",
        "\u2460 \u00bd \u2122",
        "C:\\new\\table",
        '"a" and "b"',
    ),
    *(
        "Gr\u00f6\u00dfe \uff14\uff12",
        "10\u201320 \u20ac",
        "\uff08\uff12\uff10\uff12\uff16\uff09",
        "100% \u30b3\u30c3\u30c8\u30f3",
        "[1] (2) {3}",
        '{"a":[1,"x"]}',
    ),
)
"""At signs, brackets, entities and characters beyond ASCII that name nobody."""
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
