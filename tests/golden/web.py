"""What only web events carry: address, device, page, limited data use."""

from tests.golden.case import DROP, NOTHING, TEXT, Case, offline, online, refused_online, settings, web

JANE_NAME = "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"
JANE_DOE = "ed37d99b1445238af3386f81a77a2caf3fffc0cd610be39b4f3ba53943dc66bf"
O_CONNOR = "7a0fbfdf40cbeb97429bdb88f512cecd27f0d44b7e57986ab578423bb61936ac"
JOSE = "d994e1d001886fe5b45b1267bd1fa2b752ac50742579bd3dad7b2a2aa0ed6866"
ZIP_95110 = "383f7fffd99f3b1c3066086bcf991eae7ad543589d12bd792ecb6dc8b5acebc1"
ZIP_M5V3L9 = "5c850751d57c5d887fe7807d3da801efe7e8faa1f105ea36cdcd913dd32a41c7"
ZIP_SW1A1AA = "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"
ZIP_951101234 = "e204b9d72efb70dfc86b5cdd65ae3730db026868aa5cc6b2727db9cc9a71661c"


def user(**fields: object) -> dict[str, object]:
    return {"user": fields}


PUBLIC = (
    "8.8.8.8", "1.1.1.1", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "1.0.0.0", "100.63.255.255", "100.128.0.0", "223.255.255.255", "203.0.113.7",
    "192.0.2.1", "2001:4860:4860::8888", "2001:db8::1", "2001:0DB8:0000:0000:0000:0000:0000:0001", "::2", "::ffff:8.8.8.8",
    "fbff::1", "fec0::1",
)  # fmt: skip
NOT_PUBLIC = (
    "10.0.0.1", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.1.1", "127.0.0.1", "169.254.0.1", "0.0.0.0",
    "0.1.2.3", "100.64.0.0", "100.127.255.255", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1",
    "fdff::1", "fe80::1", "febf::1", "ff02::1", "::ffff:10.0.0.1", "::FFFF:7f00:1", "0:0:0:0:0:0:0:1",
)  # fmt: skip
NO_ADDRESS = (
    "8.8.8", "8.8.8.8.8", "256.1.1.1", "08.8.8.8", "8.8.8.8:80", "localhost", "134744072", "2001:db8::1%eth0",
    "2001:db8:::1", "1::2::3", "[2001:db8::1]", "12345::1", "8.8.8.8, 1.1.1.1", "٨.8.8.8", "1:2:3:4:5:6:7:8:9", ":1",
)  # fmt: skip

WEB_ONLY = (
    "agent", "cookie_id", "tiktok_click_id", "locale", "first_name", "last_name", "zip_code", "city", "state", "country",
    "page_url", "referrer_url",
)  # fmt: skip

CASES: list[Case] = [
    *(online(f"the address {text} is sent as given", {"ip": f" {text} "}, user(ip=text)) for text in PUBLIC),
    *(online(f"the address {text} is dropped", {"ip": text}, warnings={"invalid_ip": 1}) for text in NOT_PUBLIC),
    *(online(f"{text!r} is no address", {"ip": text}, warnings={"invalid_ip": 1}) for text in NO_ADDRESS),
    online("an address with the prefix of one host", {"ip": "8.8.8.8/32"}, user(ip="8.8.8.8")),
    online("the same of IPv6", {"ip": "2001:4860:4860::8888/128"}, user(ip="2001:4860:4860::8888")),
    *(
        online(f"{text} is no single public address", {"ip": text}, warnings={"invalid_ip": 1})
        for text in ("8.8.8.0/24", "8.8.8.8/128", "2001:4860:4860::8888/32", "10.0.0.1/32", "8.8.8.8/", "/32", "8.8.8.8/32/32")
    ),
    online("a blank address is absent", {"ip": " "}),
    offline("offline has no address to warn of", {"ip": "10.0.0.1"}),
    online(
        "device and click, stripped and otherwise as they are",
        {"agent": " Mozilla/5.0 (X11) ", "cookie_id": "aBc.1", "tiktok_click_id": "E.C.P.x", "locale": "en_US", "ip": "8.8.8.8"},
        user(user_agent="Mozilla/5.0 (X11)", ttp="aBc.1", ttclid="E.C.P.x", locale="en_US", ip="8.8.8.8"),
    ),
    online(
        "the aliases of device and click",
        {"user_agent": "UA", "ttp": "P", "ttclid": "C" * 1000},
        user(user_agent="UA", ttp="P", ttclid="C" * 1000),
    ),
    online("a column's own name comes before its alias", {"agent": "A", "user_agent": "B"}, user(user_agent="A")),
    offline(
        "offline leaves all of the web's fields out",
        dict.fromkeys(WEB_ONLY, "x1"),
    ),
    online("the API page's first name vector", {"first_name": "Jane"}, user(first_name=JANE_NAME)),
    online("a name loses punctuation and keeps spaces inside", {"first_name": " Jane. Doe! "}, user(first_name=JANE_DOE)),
    online("a name is stripped again", {"first_name": "“ JANE ”"}, user(first_name=JANE_NAME)),
    online("a last name loses its apostrophe", {"last_name": "O’Connor"}, user(last_name=O_CONNOR)),
    online("a last name keeps its accent", {"last_name": "JOSÉ"}, user(last_name=JOSE)),
    online("a name of nothing but punctuation is absent", {"first_name": "-", "last_name": "…"}),
    online("a name's digest is taken as it is", {"first_name": JANE_NAME.upper()}, user(first_name=JANE_NAME)),
    online("a name's digest of nothing is absent", {"first_name": NOTHING}),
    online("the API page's American zip vector", {"zip_code": "95110"}, user(zip_code=ZIP_95110)),
    online("the API page's Canadian zip vector", {"zip_code": "M5V 3L9", "country": "CA"}, user(zip_code=ZIP_M5V3L9, country="ca")),
    online("an American zip is cut to five", {"zip_code": "95110-1234", "country": "us"}, user(zip_code=ZIP_95110, country="us")),
    online("without a country the default region decides", {"zip_code": "95110 1234"}, user(zip_code=ZIP_95110)),
    online("a zip elsewhere is not cut", {"zip_code": "95110-1234", "country": "DE"}, user(zip_code=ZIP_951101234, country="de")),
    online("nor by another default region", {"zip_code": "SW1A 1AA"}, user(zip_code=ZIP_SW1A1AA), settings=web(default_region="GB")),
    online("the country outweighs the region", {"zip_code": "95110-1234", "country": "US"}, user(zip_code=ZIP_95110, country="us"), settings=web(default_region="GB")),
    online("a numeric zip is its digits", {"zip_code": 95110}, user(zip_code=ZIP_95110)),
    *(
        online(f"digits that are none of ASCII: {given}", {"zip_code": given}, user(zip_code=ZIP_95110))
        for given in ("９５１１０", "９５１１０－１２３４", "ＣＡ ９５１１０", "٩٥١١٠", "95110\u20131234", "९५११०")
    ),
    online("letters of full width", {"zip_code": "Ｍ５Ｖ　３Ｌ９", "country": "CA"}, user(zip_code=ZIP_M5V3L9, country="ca")),
    online("a zip of nothing but hyphens is absent", {"zip_code": " - "}),
    online("a zip's digest is taken as it is", {"zip_code": ZIP_95110.upper()}, user(zip_code=ZIP_95110)),
    online(
        "city and state lose white space and punctuation",
        {"city": " St. John's\u00a0Wood ", "state": "N.Y."},
        user(city="stjohnswood", state="ny"),
    ),
    online("letters of any script stay", {"city": "São Paulo", "state": "ΑΤΤΙΚΗ"}, user(city="sãopaulo", state="αττικη")),
    online("symbols are no punctuation", {"city": "A+B"}, user(city="a+b")),
    online("a city of nothing but punctuation is absent", {"city": " - ", "state": "?"}),
    online("a country is lowered", {"country": " US "}, user(country="us")),
    *(online(f"the country {text!r} is not sent", {"country": text}, warnings={"unknown_country": 1}) for text in ("U", "1A", "ÑÑ", "ZZ", "Atlantis")),
    *(online(f"the country {text!r} is understood", {"country": text}, user(country="us")) for text in ("USA", "usa", "United States")),
    refused_online("page_url is required", {"page_url": DROP}, "missing_page_url"),
    refused_online("page_url must not be blank", {"page_url": " "}, "missing_page_url"),
    refused_online("a null page_url is missing", {"page_url": (TEXT, [None])}, "missing_page_url"),
    online("a referrer", {"referrer_url": " https://a.example "}, {"page": {"referrer": "https://a.example"}}),
    online(
        "limited data use with an address",
        {"ip": "8.8.8.8"},
        {"limited_data_use": True, **user(ip="8.8.8.8")},
        settings=web(limited_data_use=True),
    ),
    online(
        "limited data use without an address",
        {},
        {"limited_data_use": True},
        settings=web(limited_data_use=True),
        warnings={"missing_ip_for_ldu": 1},
    ),
    online(
        "limited data use with a private address",
        {"ip": "10.0.0.1"},
        {"limited_data_use": True},
        settings=web(limited_data_use=True),
        warnings={"missing_ip_for_ldu": 1, "invalid_ip": 1},
    ),
    offline("limited data use is nothing offline", {}, settings=settings(limited_data_use=True)),
    online(
        "every key in its place",
        {
            "country": "us", "state": "ca", "city": "San Jose", "zip_code": "95110", "last_name": "Jane", "first_name": "Jane",
            "locale": "en", "agent": "UA", "ip": "8.8.8.8", "cookie_id": "P", "tiktok_click_id": "C", "external_id": "user_123",
            "phone": "2065550100", "referrer_url": "https://r.example", "order_id": "o", "shop_id": "s", "description": "d",
            "event_channel": "website", "content_id": "A", "value": 1, "content_type": "product_group",
        },
        {
            "limited_data_use": True,
            **user(
                phone="b4fa1a0e9e520f7186de1a00b1b84abb55a5c7feab09e7c3b8059ca32a6abd4f",
                external_id="80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b",
                ttclid="C", ttp="P", ip="8.8.8.8", user_agent="UA", locale="en", first_name=JANE_NAME, last_name=JANE_NAME,
                zip_code=ZIP_95110, city="sanjose", state="ca", country="us",
            ),
            "page": {"referrer": "https://r.example"},
            "properties": {
                "content_type": "product_group", "order_id": "o", "shop_id": "s", "description": "d",
                "event_channel": "website", "contents": [{"content_id": "A"}], "value": 1,
            },
        },
        settings=web(limited_data_use=True),
        texts=[
            '{"event":"Purchase","event_time":1700000000,"event_id":"e1","limited_data_use":true,"user":{'
            '"email":"8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d",'
            '"phone":"b4fa1a0e9e520f7186de1a00b1b84abb55a5c7feab09e7c3b8059ca32a6abd4f",'
            '"external_id":"80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b",'
            '"ttclid":"C","ttp":"P","ip":"8.8.8.8","user_agent":"UA","locale":"en",'
            f'"first_name":"{JANE_NAME}","last_name":"{JANE_NAME}","zip_code":"{ZIP_95110}",'
            '"city":"sanjose","state":"ca","country":"us"},'
            '"page":{"url":"https://shop.example/p?a=1","referrer":"https://r.example"},'
            '"properties":{"content_type":"product_group","currency":"USD","order_id":"o","shop_id":"s","description":"d",'
            '"event_channel":"website","contents":[{"content_id":"A"}],"value":1}}'
        ],
    ),
]  # fmt: skip
