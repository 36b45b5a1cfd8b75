"""The words of the language world, by what they name; and how any text is cut into words."""

from __future__ import annotations

import re
from collections.abc import Sequence

WORD = r"[a-z]+|\d+|[^\sa-z\d]"
"""A word of lower-cased text: letters, digits, or one mark."""
MARKS = frozenset(".,;:?!-()/")


def words(text: str) -> list[str]:
    """The words of `text`: spacing and case do not matter, every mark is a word."""
    return re.findall(WORD, text.lower())


CATEGORIES: dict[str, tuple[str, ...]] = {
    "animals": tuple(words("cat dog fox bear wolf lion tiger horse goat sheep mouse rabbit deer whale frog eagle")),
    "fruits": tuple(words("apple pear fig plum grape cherry peach mango banana melon kiwi lemon apricot berry lime guava")),
    "colors": tuple(words("red blue green yellow black white pink brown gray purple violet teal beige ivory crimson navy")),
    "tools": tuple(words("hammer saw drill knife spoon brush needle rope ladder shovel scissors pliers wrench chisel rake broom")),
    "drinks": tuple(words("tea coffee milk water juice cocoa cider soda wine beer broth lemonade syrup nectar punch mead")),
    "clothes": tuple(words("hat coat shirt scarf glove sock shoe boot belt dress skirt jacket sweater vest apron cap")),
    "trees": tuple(words("oak pine birch maple willow elm ash beech cedar spruce poplar aspen alder larch hazel fir")),
    "instruments": tuple(words("violin piano flute drum guitar harp trumpet cello oboe organ banjo horn clarinet tuba lute bell")),
    "vehicles": tuple(words("car bus train boat ship bike truck tram plane wagon sled canoe taxi tractor scooter ferry")),
    "foods": tuple(words("bread cheese rice soup pasta salad egg cake pie honey butter bean carrot onion potato noodle")),
    "furniture": tuple(words("table chair bed sofa desk shelf lamp mirror stool bench cabinet drawer clock carpet curtain pillow")),
    "weather": tuple(words("rain snow wind storm fog hail frost thunder sun cloud ice mist breeze heat drizzle sleet")),
}  # fmt: skip
THINGS: tuple[str, ...] = tuple(word for words in CATEGORIES.values() for word in words)
CATEGORY_OF = {word: category for category, words in CATEGORIES.items() for word in words}
NAMES = tuple(words("ann bob carl dora emma finn gina hugo iris jack kate leo mona nina otto paul rosa sam tina uma vera wim yara zoe"))  # fmt: skip
CITIES = tuple(words("oslo rome paris berlin madrid london tokyo cairo lima delhi prague vienna"))
JOBS = tuple(words("mayor judge captain teacher doctor baker nurse farmer pilot painter sailor writer cook guard tailor miner"))  # fmt: skip
DUTIES = tuple(words("mix clean carry check open measure fix cut"))
ILLNESSES = tuple(words("flu cold measles mumps asthma anemia"))
FINDINGS = tuple(words("fever cough rash pain fatigue nausea swelling chills"))
COUNTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MOST = 99
"""Numbers in programs and sorting run from 0 to this."""
YEARS = range(1900, 2000)


def joined(items: Sequence[str]) -> str:
    """Words as text with marks set as people set them: "cat, dog"."""
    text = ""
    for item in items:
        text += item if not text or item in ",.;:?!" else f" {item}"
    return text


def length(words: Sequence[str]) -> int:
    """How many words there are without marks: what answers are charged for, and what annotators count."""
    return sum(word not in MARKS for word in words)
