"""Words to count letters in: pronounceable ones made from syllables, and a list of common English words.

Pure chance makes words no reader would type; syllables make ones that look like words, in any number, and the common
ones are there because people ask about them.
"""

from __future__ import annotations

from random import Random

__all__ = ["ALWAYS_HELD_OUT", "COMMON", "pseudo_word", "with_count"]

ALWAYS_HELD_OUT = (("strawberry", "r"), ("strawberryrrr", "r"), ("Banana", "a"), ("Mississippi", "s"))

_LISTED = """able about above accept account across action address adult afternoon again agree airport album alive allow
    almost alphabet already although always amazing among animal another answer anything apple approach apricot area
    arrow article asleep assess autumn avenue avocado awake balance balloon bamboo barrel basket beautiful because
    bedroom before begin believe bell better between beyond bicycle biscuit bitter blanket blossom blueberry bookkeeper
    borrow bottle bottom bread breakfast bridge bright broccoli brother bubble bucket budget buffalo building butter
    butterfly button cabbage cabin calendar camel camera candle cannon canoe captain carpet carrot castle cattle ceiling
    cellar cereal chapter cheese cherry chicken chocolate choose circle city classroom clever climate clock cloud coconut
    coffee collect color comma committee common company compass connect cookie copper correct cotton cousin cradle cream
    cricket cucumber current curry curtain cushion daffodil dagger dance daughter deer depend desert dessert diamond
    dictionary different difficult dinner dinosaur discuss doctor dollar donkey dragon drawer dream dress drizzle drum
    eagle early earring earth easel eleven effect effort eggplant electric elephant embassy empty engine enough envelope
    evening every exceed excellent express fabric family farmer father feather feeling fellow fiddle fifteen figure
    finger flannel flower follow foggy forest forget fossil freedom friend fruit funnel furniture gallery garden garlic
    gather gentle ginger giraffe glass glory goggles good goose gorilla grammar grape grapefruit grass gravel green
    guitar gutter hammer happen happiness harbor hazelnut heart height hello helmet hidden hiccup hobby hollow honey
    horizon horror hospital hotel hunger iceberg illness impress innocent insect island jacket jelly jewel jigsaw journal
    journey juggle jungle kangaroo keyboard kettle kitchen kitten kiwi ladder language lantern laughter lavender lawyer
    lemon lesson letter lettuce library little lobster lollipop luggage lunch machine magazine mango marble marshmallow
    matter meadow melon memory message middle million mineral minute mirror missile mitten model monkey morning mosquito
    mother mountain mushroom mussel mustard napkin narrow necklace needle noodle normal nothing number object occur ocean
    offer office onion opposite orange orchard oven owl oyster paddle palette pancake papaya parallel parrot passenger
    peach peanut pebble penguin pepper pepperoni piccolo picture pigeon pillow pineapple pizza planet plastic platter
    pocket poppy possess potato pretty problem puddle puppy puzzle quarrel quarter queen question quill rabbit raccoon
    radio railroad raisin raspberry rattle recess remember ribbon riddle river robin rocket roof rooster rubber ruffle
    saddle salad sandal sapphire sausage scissors school season second sentence settle seventeen shadow shallow shell
    sheep shelter shoulder shutter silver sister skeleton slipper smooth snorkel soccer spaghetti sparrow spinach
    squirrel station steeple stomach street stubborn success sudden suffer sugar summer sunflower supper sweater swallow
    tablet tattoo teacher teeth tennessee tennis tomato tomorrow tooth tractor traffic trapeze treasure triangle trolley
    trumpet tunnel turnip turtle twitter umbrella uncle under unicorn useful valley vanilla vegetable vessel village
    violet violin voodoo waffle walnut walrus water watermelon weather wedding weekend wheel whisper whistle willow
    window winner winter wonder wood woolly yellow yesterday yogurt zebra zipper zucchini"""
COMMON: tuple[str, ...] = tuple(_LISTED.split())

_LISTED_ONSETS = "b c d f g h j k l m n p r s t v w z br cr dr fr gr pr tr bl cl fl gl pl sl sc sh ch th st sp str sw"
_ONSETS = tuple(_LISTED_ONSETS.split())
_VOWELS = ("a", "e", "i", "o", "u", "a", "e", "i", "o", "ee", "oo", "ai", "ou", "ea", "y")
_CODAS = ("", "", "", "n", "r", "s", "t", "l", "m", "nd", "ss", "ll", "rr", "ck", "p", "x", "tt")
_LONGEST = 16


def pseudo_word(random: Random, *, syllables: int) -> str:
    """A lower-case word of so many syllables.

    >>> pseudo_word(Random(1), syllables=2).isalpha()
    True
    """
    parts = (random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS) for _ in range(syllables))
    return "".join(parts)[:_LONGEST]


def with_count(word: str, letter: str, count: int, random: Random) -> str | None:
    """`word` with `letter` put in, often doubled or at the end, until it has it `count` times; None when it cannot be."""
    lacking = count - word.count(letter)
    if lacking < 0 or len(word) + lacking > _LONGEST:
        return None
    for _ in range(lacking):
        at = len(word) if random.random() < 0.3 else random.randrange(len(word) + 1)
        if random.random() < 0.3 and letter in word:
            at = word.index(letter)
        word = word[:at] + letter + word[at:]
    return word
