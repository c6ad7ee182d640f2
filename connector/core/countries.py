"""The countries of ISO 3166-1 and their names. Not for the hot path.

Each line: alpha-2, alpha-3, the English short name, then other names. The comparison ignores accents, punctuation, case
and a leading `the`.
"""

import re
import unicodedata
from functools import cache

_TABLE = """
ad and Andorra
ae are United Arab Emirates, UAE, Emirates
af afg Afghanistan
ag atg Antigua and Barbuda
ai aia Anguilla
al alb Albania, Shqipëria
am arm Armenia
ao ago Angola
aq ata Antarctica
ar arg Argentina
as asm American Samoa
at aut Austria, Österreich
au aus Australia
aw abw Aruba
ax ala Åland Islands, Åland
az aze Azerbaijan
ba bih Bosnia and Herzegovina, Bosnia, Bosna i Hercegovina
bb brb Barbados
bd bgd Bangladesh
be bel Belgium, België, Belgique, Belgien
bf bfa Burkina Faso
bg bgr Bulgaria, България
bh bhr Bahrain
bi bdi Burundi
bj ben Benin
bl blm Saint Barthélemy, St Barthélemy
bm bmu Bermuda
bn brn Brunei Darussalam, Brunei
bo bol Bolivia, Bolivia (Plurinational State of), Plurinational State of Bolivia
bq bes Bonaire Sint Eustatius and Saba, Caribbean Netherlands, Bonaire
br bra Brazil, Brasil
bs bhs Bahamas
bt btn Bhutan
bv bvt Bouvet Island
bw bwa Botswana
by blr Belarus
bz blz Belize
ca can Canada
cc cck Cocos (Keeling) Islands, Cocos Islands
cd cod Democratic Republic of the Congo, Congo (Democratic Republic of the), DR Congo, DRC, Congo (Kinshasa)
cf caf Central African Republic
cg cog Congo, Republic of the Congo, Congo (Brazzaville)
ch che Switzerland, Schweiz, Suisse, Svizzera
ci civ Côte d'Ivoire, Ivory Coast
ck cok Cook Islands
cl chl Chile
cm cmr Cameroon
cn chn China, People's Republic of China, PR China, PRC, Mainland China, 中国
co col Colombia
cr cri Costa Rica
cu cub Cuba
cv cpv Cabo Verde, Cape Verde
cw cuw Curaçao
cx cxr Christmas Island
cy cyp Cyprus
cz cze Czechia, Czech Republic, Česko, Česká republika
de deu Germany, Deutschland, Federal Republic of Germany
dj dji Djibouti
dk dnk Denmark, Danmark
dm dma Dominica
do dom Dominican Republic, República Dominicana
dz dza Algeria
ec ecu Ecuador
ee est Estonia, Eesti
eg egy Egypt, Arab Republic of Egypt
eh esh Western Sahara
er eri Eritrea
es esp Spain, España
et eth Ethiopia
fi fin Finland, Suomi
fj fji Fiji
fk flk Falkland Islands (Malvinas), Falkland Islands
fm fsm Micronesia (Federated States of), Micronesia, Federated States of Micronesia
fo fro Faroe Islands
fr fra France
ga gab Gabon
gb gbr United Kingdom, United Kingdom of Great Britain and Northern Ireland, UK, Great Britain, England, Scotland, Wales
gd grd Grenada
ge geo Georgia
gf guf French Guiana
gg ggy Guernsey
gh gha Ghana
gi gib Gibraltar
gl grl Greenland
gm gmb Gambia
gn gin Guinea
gp glp Guadeloupe
gq gnq Equatorial Guinea
gr grc Greece, Hellas, Hellenic Republic, Ελλάδα, EL
gs sgs South Georgia and the South Sandwich Islands
gt gtm Guatemala
gu gum Guam
gw gnb Guinea-Bissau
gy guy Guyana
hk hkg Hong Kong, Hong Kong SAR, Hong Kong SAR China, Hong Kong China, 香港
hm hmd Heard Island and McDonald Islands
hn hnd Honduras
hr hrv Croatia, Hrvatska
ht hti Haiti
hu hun Hungary, Magyarország
id idn Indonesia
ie irl Ireland, Republic of Ireland, Éire
il isr Israel
im imn Isle of Man
in ind India
io iot British Indian Ocean Territory
iq irq Iraq
ir irn Iran, Iran (Islamic Republic of), Islamic Republic of Iran
is isl Iceland, Ísland
it ita Italy, Italia
je jey Jersey
jm jam Jamaica
jo jor Jordan
jp jpn Japan, 日本
ke ken Kenya
kg kgz Kyrgyzstan
kh khm Cambodia
ki kir Kiribati
km com Comoros
kn kna Saint Kitts and Nevis, St Kitts and Nevis
kp prk North Korea, Korea (Democratic People's Republic of), Democratic People's Republic of Korea, DPRK
kr kor South Korea, Korea (Republic of), Republic of Korea, Korea Republic of, Korea, Korea South, 대한민국, 한국
kw kwt Kuwait
ky cym Cayman Islands
kz kaz Kazakhstan
la lao Laos, Lao People's Democratic Republic, Lao PDR
lb lbn Lebanon
lc lca Saint Lucia, St Lucia
li lie Liechtenstein
lk lka Sri Lanka
lr lbr Liberia
ls lso Lesotho
lt ltu Lithuania, Lietuva
lu lux Luxembourg, Luxemburg
lv lva Latvia, Latvija
ly lby Libya
ma mar Morocco, Maroc
mc mco Monaco
md mda Moldova, Moldova (Republic of), Republic of Moldova
me mne Montenegro, Crna Gora
mf maf Saint Martin (French part), Saint Martin, St Martin
mg mdg Madagascar
mh mhl Marshall Islands
mk mkd North Macedonia, Macedonia, Republic of North Macedonia
ml mli Mali
mm mmr Myanmar, Burma, Myanmar (Burma)
mn mng Mongolia
mo mac Macao, Macau, Macao SAR, Macau SAR, Macao SAR China, 澳門
mp mnp Northern Mariana Islands
mq mtq Martinique
mr mrt Mauritania
ms msr Montserrat
mt mlt Malta
mu mus Mauritius
mv mdv Maldives
mw mwi Malawi
mx mex Mexico, México, Méjico
my mys Malaysia
mz moz Mozambique
na nam Namibia
nc ncl New Caledonia
ne ner Niger
nf nfk Norfolk Island
ng nga Nigeria
ni nic Nicaragua
nl nld Netherlands (Kingdom of the), Netherlands, Kingdom of the Netherlands, Holland, Nederland
no nor Norway, Norge
np npl Nepal
nr nru Nauru
nu niu Niue
nz nzl New Zealand, Aotearoa
om omn Oman
pa pan Panama
pe per Peru
pf pyf French Polynesia
pg png Papua New Guinea
ph phl Philippines, Pilipinas
pk pak Pakistan
pl pol Poland, Polska
pm spm Saint Pierre and Miquelon, St Pierre and Miquelon
pn pcn Pitcairn, Pitcairn Islands
pr pri Puerto Rico
ps pse Palestine, Palestine (State of), State of Palestine, Palestinian Territories
pt prt Portugal
pw plw Palau
py pry Paraguay
qa qat Qatar
re reu Réunion
ro rou Romania, România
rs srb Serbia, Srbija
ru rus Russian Federation, Russia, Россия
rw rwa Rwanda
sa sau Saudi Arabia, Kingdom of Saudi Arabia, KSA
sb slb Solomon Islands
sc syc Seychelles
sd sdn Sudan
se swe Sweden, Sverige
sg sgp Singapore
sh shn Saint Helena Ascension and Tristan da Cunha, Saint Helena, St Helena
si svn Slovenia, Slovenija
sj sjm Svalbard and Jan Mayen
sk svk Slovakia, Slovak Republic, Slovensko
sl sle Sierra Leone
sm smr San Marino
sn sen Senegal
so som Somalia
sr sur Suriname
ss ssd South Sudan
st stp Sao Tome and Principe, São Tomé and Príncipe
sv slv El Salvador
sx sxm Sint Maarten (Dutch part), Sint Maarten
sy syr Syrian Arab Republic, Syria
sz swz Eswatini, Swaziland
tc tca Turks and Caicos Islands
td tcd Chad
tf atf French Southern Territories
tg tgo Togo
th tha Thailand
tj tjk Tajikistan
tk tkl Tokelau
tl tls Timor-Leste, East Timor
tm tkm Turkmenistan
tn tun Tunisia
to ton Tonga
tr tur Türkiye, Turkey
tt tto Trinidad and Tobago
tv tuv Tuvalu
tw twn Taiwan, Taiwan (Province of China), Taiwan Province of China, 台灣
tz tza Tanzania, Tanzania (United Republic of), United Republic of Tanzania
ua ukr Ukraine, Україна
ug uga Uganda
um umi United States Minor Outlying Islands
us usa United States of America, United States, US of A, America, Estados Unidos
uy ury Uruguay
uz uzb Uzbekistan
va vat Holy See, Vatican City, Vatican
vc vct Saint Vincent and the Grenadines, St Vincent and the Grenadines
ve ven Venezuela, Venezuela (Bolivarian Republic of), Bolivarian Republic of Venezuela
vg vgb Virgin Islands (British), British Virgin Islands
vi vir Virgin Islands (U.S.), US Virgin Islands, U.S. Virgin Islands, United States Virgin Islands
vn vnm Viet Nam, Vietnam, Việt Nam
vu vut Vanuatu
wf wlf Wallis and Futuna
ws wsm Samoa
xk xkx Kosovo
ye yem Yemen
yt myt Mayotte
za zaf South Africa
zm zmb Zambia
zw zwe Zimbabwe
"""

_LINES = tuple(line.split(" ", 2) for line in _TABLE.strip().splitlines())

ALPHA2 = tuple(line[0] for line in _LINES)
"""The codes of two letters, in lower case, with that of Kosovo, which ISO leaves to its users."""


def alpha2(text: str) -> str | None:
    """Return the code of two letters, in lower case, for a country's code or name; None for any other text."""
    key = _key(text)
    # With punctuation, such as N.A., it more likely means "not available" than Namibia.
    return _codes().get(key) if key != "na" or text.strip(" .").lower() == key else None


def names(code: str) -> tuple[str, ...]:
    """Return the codes and names of the country with this code of two letters."""
    return next((two, three, *written.split(", ")) for two, three, written in _LINES if two == code)


@cache
def _codes() -> dict[str, str]:
    return {_key(name): code for code in ALPHA2 for name in names(code)}


def _key(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = (letter for letter in folded if not unicodedata.combining(letter))
    words = re.sub(r"\W+", " ", "".join(letters).replace("'", "").replace("’", "").replace("&", " and ")).split()
    key = " ".join(words[1:] if words[:1] == ["the"] else words)
    return key.replace(" ", "") if all(len(word) == 1 for word in words) else key
