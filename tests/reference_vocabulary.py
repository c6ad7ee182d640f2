"""The words of the rules for events and of TikTok's API page, written out for the reference on their own account."""

STANDARD_EVENTS = frozenset(
    (
        "AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct "
        "Download FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication "
        "Subscribe ViewContent"
    ).split()
)
LEGACY_EVENTS = frozenset({"CompletePayment", "SubmitForm", "PlaceAnOrder", "ClickButton"})
CHANNELS = frozenset({"email", "website", "phone_call", "in_store", "crm", "other"})

LISTED_CURRENCIES = frozenset(
    (
        "AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR "
        "ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD "
        "THB TRY TWD UAH USD VES VND ZAR"
    ).split()
)
"""TikTok's own list: API page 1.7."""

OTHER_CURRENCIES = frozenset(
    (
        "AFN ALL AMD AOA AWG AZN BAM BBD BMD BND BOV BSD BTN BWP BYN BZD CDF CHE CHW CLF COU CUP CVE DJF DOP ERN ETB "
        "FJD FKP GEL GHS GIP GMD GNF GYD HTG IQD IRR JMD JOD KGS KMF KPW KYD LAK LBP LKR LRD LSL LYD MDL MGA MKD MMK "
        "MNT MRU MUR MVR MWK MXV MZN NAD NPR PAB PGK RSD RWF SBD SCR SDG SHP SLE SOS SRD SSP STN SVC SYP SZL TJS TMT "
        "TND TOP TTD TZS UGX USN UYI UYU UYW UZS VED VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT "
        "XSU XTS XUA XXX YER ZMW ZWG"
    ).split()
)
"""The other active codes of ISO 4217 (list one). BGN, HRK, ANG, SLL, CUC and ZWL have been withdrawn."""

COUNTRIES = frozenset(
    (
        "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by "
        "bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk "
        "fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir "
        "is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk "
        "ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm "
        "pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf "
        "tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws xk ye yt za zm zw "
    ).split()
)
"""ISO 3166-1 alpha-2, and Kosovo's code."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "event": ("event",),
    "timestamp": ("timestamp",),
    "event_id": ("event_id",),
    "event_source_id": ("event_source_id", "event_set_id"),
    "event_source": ("event_source",),
    "email": ("email", "emails"),
    "phone": ("phone", "phones", "phone_numbers"),
    "phone_region": ("phone_region",),
    "external_id": ("external_id",),
    "ip": ("ip",),
    "agent": ("agent", "user_agent"),
    "cookie_id": ("cookie_id", "ttp"),
    "tiktok_click_id": ("tiktok_click_id", "ttclid"),
    "locale": ("locale",),
    "first_name": ("first_name",),
    "last_name": ("last_name",),
    "zip_code": ("zip_code",),
    "city": ("city",),
    "state": ("state",),
    "country": ("country",),
    "page_url": ("page_url",),
    "referrer_url": ("referrer_url",),
    "content_id": ("content_id",),
    "content_name": ("content_name",),
    "content_category": ("content_category",),
    "brand": ("brand",),
    "price": ("price",),
    "quantity": ("quantity",),
    "content_type": ("content_type",),
    "currency": ("currency",),
    "value": ("value",),
    "order_id": ("order_id",),
    "shop_id": ("shop_id",),
    "description": ("description",),
    "event_channel": ("event_channel",),
}
"""Parameter -> the columns it is taken from when no template says otherwise, with the aliases."""
