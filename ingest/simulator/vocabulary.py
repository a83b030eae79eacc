"""The words of the simulated shop: markets, cities, names, products, carriers, clients.

Persons and addresses are invented; e-mail addresses are under example.com and its like, which never
reach anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = (
    "Electronics",
    "Home & Kitchen",
    "Fashion",
    "Beauty",
    "Sports",
    "Toys",
    "Books",
    "Garden",
)
CATEGORY_SHARES = (0.17, 0.17, 0.20, 0.12, 0.11, 0.09, 0.08, 0.06)
CATEGORY_PRICES = (14_900, 4_900, 5_900, 2_400, 5_400, 2_900, 1_700, 3_900)
"""Median list price in cents of EUR."""
CATEGORY_ELASTICITIES = (-2.5, -2.0, -3.2, -1.7, -2.2, -2.8, -1.4, -1.9)
"""How demand answers to the price of one product; products of a category lie around it."""

PRICE_FACTORS = {"EUR": 10_000, "GBP": 8_700, "PLN": 43_000, "USD": 11_000}
"""Price book: list prices in other currencies, in 1/10,000 of the price in EUR."""


@dataclass(frozen=True)
class City:
    """A city with the pattern of its postal codes: text, a number of so many digits, text."""

    name: str
    state: str
    prefix: str
    digits: int
    suffix: str = ""


@dataclass(frozen=True)
class Market:
    """A country the shop sells to, with its `share` of the customers."""

    share: float
    streets: tuple[str, ...]
    is_number_first: bool
    cities: tuple[City, ...]


MARKETS: dict[str, Market] = {
    "AT": Market(
        0.08,
        ("Hauptstraße", "Schulgasse", "Bahnhofstraße", "Wiener Straße"),
        False,
        (
            City("Wien", "Wien", "10", 2),
            City("Graz", "Steiermark", "80", 2),
            City("Linz", "Oberösterreich", "40", 2),
        ),
    ),
    "DE": Market(
        0.36,
        ("Hauptstraße", "Gartenweg", "Bahnhofstraße", "Lindenallee", "Am Mühlbach"),
        False,
        (
            City("Berlin", "Berlin", "10", 3),
            City("Hamburg", "Hamburg", "20", 3),
            City("München", "Bayern", "80", 3),
            City("Köln", "Nordrhein-Westfalen", "50", 3),
            City("Leipzig", "Sachsen", "04", 3),
        ),
    ),
    "ES": Market(
        0.06,
        ("Calle Mayor", "Calle del Sol", "Avenida de la Paz"),
        False,
        (
            City("Madrid", "Comunidad de Madrid", "280", 2),
            City("Barcelona", "Cataluña", "080", 2),
            City("Sevilla", "Andalucía", "410", 2),
        ),
    ),
    "FR": Market(
        0.12,
        ("rue de la Gare", "rue des Écoles", "avenue Victor Hugo", "place du Marché"),
        True,
        (
            City("Paris", "Île-de-France", "750", 2),
            City("Lyon", "Auvergne-Rhône-Alpes", "690", 2),
            City("Nantes", "Pays de la Loire", "440", 2),
        ),
    ),
    "GB": Market(
        0.10,
        ("High Street", "Station Road", "Church Lane", "Victoria Road"),
        True,
        (
            City("London", "England", "SW1A ", 1, "AA"),
            City("Manchester", "England", "M1 ", 1, "AE"),
            City("Edinburgh", "Scotland", "EH1 ", 1, "YZ"),
        ),
    ),
    "IT": Market(
        0.05,
        ("Via Roma", "Via Garibaldi", "Corso Italia"),
        False,
        (City("Roma", "Lazio", "001", 2), City("Milano", "Lombardia", "201", 2)),
    ),
    "NL": Market(
        0.07,
        ("Dorpsstraat", "Kerkstraat", "Molenweg"),
        False,
        (
            City("Amsterdam", "Noord-Holland", "10", 2, " AB"),
            City("Utrecht", "Utrecht", "35", 2, " CD"),
        ),
    ),
    "PL": Market(
        0.08,
        ("ul. Polna", "ul. Leśna", "ul. Słoneczna"),
        False,
        (
            City("Warszawa", "Mazowieckie", "00-", 3),
            City("Kraków", "Małopolskie", "30-", 3),
            City("Łódź", "Łódzkie", "90-", 3),
        ),
    ),
    "US": Market(
        0.05,
        ("Main Street", "Oak Avenue", "Maple Drive"),
        True,
        (
            City("New York", "NY", "100", 2),
            City("Boston", "MA", "021", 2),
            City("Atlanta", "GA", "303", 2),
        ),
    ),
}

FOREIGN_COUNTRIES = ("BR", "NG", "RO", "TR", "UA", "VN", "US", "GB")
"""Where cards and network addresses come from that do not belong to the market."""
COUNTRIES = (*MARKETS, *FOREIGN_COUNTRIES)
"""The countries that issuers and network addresses are positions in."""

# fmt: off
FIRST_NAMES = (
    "Anna", "Ben", "Clara", "David", "Elif", "Felix", "Greta", "Hugo", "Ines", "Jonas",
    "Katarzyna", "Lukas", "Łucja", "Marta", "Noah", "Olga", "Paul", "Quentin", "Rosa", "Simon",
    "Thérèse", "Umut", "Vera", "Wojciech", "Xenia", "Yusuf", "Zoë", "Jürgen", "María",
    "François", "Amélie", "Björn", "Chloé", "Daan", "Emily", "Finn", "Giulia", "Hannah",
    "Isabel", "Jack", "Lena", "Matteo", "Nina", "Oliver", "Pia", "Sofia",
)
LAST_NAMES = (
    "Albers", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Hoffmann", "Ionescu",
    "Jansen", "Kowalski", "Laurent", "Müller", "Nowak", "O'Brien", "Petit", "Quinn", "Rossi",
    "Schäfer", "Taylor", "Ürgüp", "Virtanen", "Walker", "Young", "Zieliński", "Moreau", "Smith",
    "Brown", "Wiśniewska", "Núñez", "Weiß", "Vermeer", "Bianchi", "Korhonen", "Steiner",
    "Gruber", "Martin", "López", "Evans", "Clarke",
)
# fmt: on
MAIL_DOMAINS = ("example.com", "example.net", "example.org")
GENDERS = ("F", "M", "X")
TIERS = ("bronze", "silver", "gold", "platinum")

# fmt: off
BRANDS = (
    "Alvara", "Brisk", "Cobalt", "Dunmore", "Ellipse", "Fennel", "Gannet", "Harrow", "Isolde",
    "Juniper",
)
# fmt: on
NOUNS = (
    ("Headphones", "Tablet", "Speaker", "Monitor", "Camera", "Keyboard"),
    ("Kettle", "Pan", "Lamp", "Blanket", "Storage Box", "Knife Set"),
    ("Jacket", "Shirt", "Trousers", "Scarf", "Trainers", "Dress"),
    ("Shampoo", "Face Cream", "Perfume", "Lip Balm", "Soap"),
    ("Yoga Mat", "Dumbbells", "Running Belt", "Bottle", "Tent"),
    ("Puzzle", "Building Blocks", "Board Game", "Doll", "Kite"),
    ("Novel", "Cookbook", "Atlas", "Notebook", "Picture Book"),
    ("Rake", "Planter", "Hose", "Seed Set", "Lantern"),
)
COLORS = ("black", "white", "blue", "red", "green", "grey")
SIZES = ("S", "M", "L", "XL")
MATERIALS = ("cotton", "steel", "wood", "plastic", "glass", "paper")
# fmt: off
SUPPLIERS = (
    "Nordhandel", "Vistula Import", "Adria Trading", "Rhein Supply", "Baltic Goods",
    "Iberia Mayor",
)
# fmt: on

CARRIERS = ("Falkenpost", "Parcelo", "Swiftline")
CHANNEL_SHARES = {
    "direct": 0.26,
    "organic_search": 0.22,
    "paid_search": 0.18,
    "paid_social": 0.11,
    "email": 0.12,
    "affiliate": 0.06,
    "referral": 0.03,
    "telephone": 0.02,
}
DEVICE_KINDS = ("desktop", "mobile", "tablet", "app")
DEVICE_SHARES = (0.36, 0.42, 0.08, 0.14)
_DESKTOP_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.1 "
    "Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
)
_MOBILE_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 "
    "Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0",
)
_TABLET_AGENTS = (
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Tablet) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
)
_APP_AGENTS = ("StorehouseApp/3.2 (Android 15)", "StorehouseApp/3.2 (iOS 18.1)")
AGENTS_BY_KIND = (_DESKTOP_AGENTS, _MOBILE_AGENTS, _TABLET_AGENTS, _APP_AGENTS)
"""What a client of each of DEVICE_KINDS says it is."""
BOT_AGENTS = (
    "ExampleBot/1.0 (+https://example.com/bot)",
    "Mozilla/5.0 (compatible; ExampleSpider/2.3; +https://example.net/spider)",
    "ExampleCrawler/0.9 (price comparison; https://example.org/crawler)",
    "python-requests/2.32",
)
"""Bots that say so, in the words that bots use: bot, spider, crawler, the name of a library."""
USER_AGENTS = (*(agent for agents in AGENTS_BY_KIND for agent in agents), *BOT_AGENTS)
SEARCHES = ("gift", "sale", "black jacket", "tent 2 persons", "headphones", "kids book", "lamp")
