"""The words that the Events API accepts, and the placeholders for missing values.

Source: `/event/track/` reference (events: agreed by several sources; currencies: one good source).
"""

from hashlib import sha256

STANDARD_EVENTS = (
    "AddPaymentInfo",
    "AddToCart",
    "AddToWishlist",
    "ApplicationApproval",
    "CompleteRegistration",
    "Contact",
    "CustomizeProduct",
    "Download",
    "FindLocation",
    "InitiateCheckout",
    "Lead",
    "Purchase",
    "Schedule",
    "Search",
    "StartTrial",
    "SubmitApplication",
    "Subscribe",
    "ViewContent",
)

LEGACY_EVENTS = {
    "CompletePayment": "Purchase",
    "SubmitForm": "Lead",
    "PlaceAnOrder": None,
    "ClickButton": None,
}
"""Old names, still accepted, and the names that replace them (None: retired in 2027)."""

EVENT_CHANNELS = ("email", "website", "phone_call", "in_store", "crm", "other")

LISTED_CURRENCIES = tuple(
    (
        "AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR "
        "ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD "
        "THB TRY TWD UAH USD VES VND ZAR"
    ).split()
)
"""The codes on the platform's page. Its treatment of other codes is unknown, so they get a warning."""

ISO_CURRENCIES = tuple(
    (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE "
        "CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR "
        "LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN "
        "PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
        "TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD "
        "XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG"
    ).split()
)
"""The active codes of ISO 4217, funds, metals and the test code included."""

EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The SHA-256 of the empty string, which other tools send for a missing identifier."""

_BASE_PLACEHOLDERS = ("undefined", "null", "none", "nan", "nil", "n/a")
_WRAPPED = tuple(
    f"{before}{word}{after}" for word in _BASE_PLACEHOLDERS for before, after in ("()", "<>", "[]", "{}", '""', "''")
)
PLACEHOLDERS = (*_BASE_PLACEHOLDERS, *_WRAPPED, "\\n", "<na>", "#n/a", "n.a.", "n.a")
"""Words that programs write for a missing value, in lower case."""

_UPPER = tuple(word.upper() for word in _BASE_PLACEHOLDERS)
_AS_WRITTEN = (*_BASE_PLACEHOLDERS, *_UPPER, "Undefined", "Null", "None", "NaN", "\\N")
PLACEHOLDER_DIGESTS = frozenset(sha256(word.encode()).hexdigest() for word in _AS_WRITTEN)
"""The SHA-256 of such words, which other tools hash like an address."""

EMAIL_RULES = ("plain", "without_plus", "without_plus_and_dots")
"""The rules by which the platform's page on audience identifiers has normalised e-mail addresses, the newest first."""
