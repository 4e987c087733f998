"""Which part of a web page is the article. Scores elements by the prose in them; knows no site.

Three passes over the tree: leave out what its tag, role or name says is furniture, unless much of the page's prose is in
it; find the element that holds most of what is left; inside it, leave out blocks that are mostly links. Prose is text
outside links, counted for the block element it flows in. A page with hardly any prose (a list, a notice) keeps all that is
not furniture: losing a page is worse than keeping its menu.
"""

from __future__ import annotations

import re
from typing import Any

from lianlu.extract.html_blocks import is_hidden

__all__ = ["keep_main"]

_SILENT_TAGS = ("script", "style", "noscript", "template", "svg", "iframe", "button", "select", "textarea")
_FURNITURE_TAGS = frozenset(("nav", "aside", "footer", "dialog", "menu"))
_FURNITURE_ROLES = frozenset(
    (
        "navigation",
        "banner",
        "contentinfo",
        "complementary",
        "search",
        "dialog",
        "alert",
        "alertdialog",
        "menu",
        "menubar",
    )
)
_NEVER_FURNITURE = frozenset(
    (
        "p",
        "td",
        "tr",
        "tbody",
        "h1",
        "h2",
        "a",
        "em",
        "strong",
        "b",
        "i",
        "code",
        "pre",
        "article",
        "main",
        "body",
        "html",
    )
)
# Names are cut into words at spaces, '-' and '_'; modifiers ("--has-ads") say how a thing looks, not what it is.
_FURNITURE_WORDS = re.compile(
    r"nav|navbar|navigation|menu|breadcrumbs?|sidebar\w*|widgets?|footer\w*|masthead|pagination|pager|"
    r"comments?|commentlist|disqus\w*|kommentare?|respond|share|sharing|shares|sharedaddy|addthis\w*|social\w*|"
    r"related\w*|recommend\w*|recommendations?|teasers?|yarpp\w*|outbrain|taboola|jp|"
    r"ads?|advert\w*|sponsor\w*|promo\w*|werbung|anzeigen?|cookies?|consent|gdpr|popup|modal|newsletter\w*|"
    r"subscri\w*|paywall|login|byline|tags|taglist|copyright|disclaimer|imprint|impressum|credits?|caption|authors?|autor\w*|bio|kicker|topics?|themen|"
    r"donate|donation|spenden|feedback|votes?|rating\w*|bookmark|toolbar|announcement",
    re.IGNORECASE,
)
# As parts of longer names these words mean too many things, so the whole name must be one of them.
_FURNITURE_NAME_LIST = """
    hidden sr-only screen-reader-text visually-hidden side foot header banner tools meta post-meta entry-meta postmeta
    metadata toc print follow similar also more more-news more-stories read-more post-navigation nextprev overlay
"""
_FURNITURE_NAMES = frozenset(_FURNITURE_NAME_LIST.split())
_ARTICLE_NAME = re.compile(
    r"(?:article|post|entry|story|news|text|page|blog|main|single)[\w-]*(?:body|content|text|inhalt)|articlebody|"
    r"(?:^|[\s_-])(?:article|content|entry|hentry|post|story|maincontent|inhalt|artikel|beitrag)(?:$|[\s_-])",
    re.IGNORECASE,
)
_FLOWING_TAGS = """
    a abbr b bdi big br cite code del em font i img ins kbd label mark q s small span strong sub sup time tt u var wbr
"""
_FLOWING = frozenset(_FLOWING_TAGS.split())
_TURNING_AWAY = re.compile(
    r"(?:mehr (?:zum thema|themen|artikel|aus)|lesen sie auch|das könnte (?:sie|dich) (?:auch )?interessieren|weitere artikel|"
    r"related (?:articles|posts|stories|content|links)|read (?:more|next|also)|more (?:from|stories|on this)|you may also like|"
    r"recommended|see also on|lire aussi|à lire aussi|te puede interesar|leer también|"
    r"相关(?:阅读|文章|推荐|新闻)|推荐阅读|延伸阅读|热门(?:文章|推荐)|猜你喜欢|更多精彩)[:：]?.{0,30}",
    re.IGNORECASE,
)
_AD_LABEL = re.compile(r"\W*(?:anzeige|werbung|advertisement|sponsored|广告|publicité|publicidad)\W*", re.IGNORECASE)
_LEAVES = frozenset(("p", "pre", "blockquote", "li", "dd", "dt", "h1", "h2", "h3", "h4", "td", "th", "figcaption"))
_SHORTEST_PROSE = 25
_LITTLE_PROSE = 200
_MOST_OF_A_NAME = 0.3
_MOST_OF_A_TAG = 0.5
_MOST_LINKS = 0.5  # characters of links for one of prose


def keep_main(root: Any) -> Any:
    """Remove furniture from the tree of `root` and return the element that holds the article."""
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

    body = root.find(".//body")
    body = root if body is None else body
    etree.strip_elements(body, *_SILENT_TAGS, with_tail=False)
    _remove_furniture(body)
    best = _best(body)
    _remove_link_blocks(best)
    _remove_turning_away(best)
    return best


def _remove_furniture(body: Any) -> None:
    held = _held(_prose_by_owner(body))
    whole = held.get(body, 0)
    doomed = []
    for element in body.iterdescendants():
        if isinstance(element.tag, str):
            most = _furniture_share(element)
            if most and held.get(element, 0) <= max(most * whole, _LITTLE_PROSE if whole > 5 * _LITTLE_PROSE else 0):
                doomed.append(element)
    for element in doomed:
        if element.getparent() is not None:
            element.drop_tree()


def _furniture_share(element: Any) -> float:
    """0 for no furniture; else how much of the page's prose it may hold and still be taken for furniture."""
    tag = element.tag
    if is_hidden(element):
        return _MOST_OF_A_TAG
    if tag in _FURNITURE_TAGS or element.get("role") in _FURNITURE_ROLES:
        return _MOST_OF_A_TAG
    if tag in _NEVER_FURNITURE:
        return 0.0
    if tag == "form":
        return _MOST_OF_A_NAME
    if tag == "header":
        return 0.0 if any(parent.tag in ("article", "main") for parent in element.iterancestors()) else _MOST_OF_A_NAME
    return _MOST_OF_A_NAME if _has_furniture_name(element) else 0.0


def _has_furniture_name(element: Any) -> bool:
    for name in f"{element.get('class') or ''} {element.get('id') or ''}".split():
        plain = name.split("--", 1)[0].lower()
        if plain in _FURNITURE_NAMES:
            return True
        if any(_FURNITURE_WORDS.fullmatch(word) for word in re.split(r"[-_]+", plain)):
            return True
    return False


def _prose_by_owner(body: Any) -> dict[Any, int]:
    """Characters of text outside links, for the block element they flow in."""
    prose: dict[Any, int] = {}
    owner_of: dict[Any, Any] = {body: body}
    inside_link: set[Any] = set()
    for element in body.iter():
        parent = element.getparent() if element is not body else None
        if parent is not None:
            if isinstance(element.tag, str) and element.tag not in _FLOWING:
                owner_of[element] = element
            else:
                owner_of[element] = owner_of.get(parent, body)
            if parent in inside_link or element.tag == "a":
                inside_link.add(element)
            _credit(prose, owner_of.get(parent, body), element.tail, parent in inside_link)
        if isinstance(element.tag, str):
            _credit(prose, owner_of[element], element.text, element in inside_link)
    return {owner: length for owner, length in prose.items() if length >= _SHORTEST_PROSE}


def _credit(prose: dict[Any, int], owner: Any, text: str | None, is_link: bool) -> None:
    if text and not is_link:
        length = len(text.strip())
        if length:
            prose[owner] = prose.get(owner, 0) + length


def _held(prose: dict[Any, int]) -> dict[Any, int]:
    """The prose of an element and of all below it."""
    held: dict[Any, int] = {}
    for owner, length in prose.items():
        for element in (owner, *owner.iterancestors()):
            held[element] = held.get(element, 0) + length
    return held


def _best(body: Any) -> Any:
    """The element with most prose near to it; its parent instead where that holds clearly more."""
    prose = _prose_by_owner(body)
    scores: dict[Any, float] = {}
    for owner, length in prose.items():
        element = owner.getparent() if owner.tag in _LEAVES and owner is not body else owner
        share = 1.0
        for _ in range(3):
            if element is None or element.tag == "html":
                break
            scores[element] = scores.get(element, 0.0) + share * length
            element, share = element.getparent(), share / 2
    if not scores or sum(prose.values()) < _LITTLE_PROSE:
        return body
    for element in scores:
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        if element.tag in ("article", "main") or element.get("itemprop") == "articleBody" or _ARTICLE_NAME.search(name):
            scores[element] *= 1.3
    best = max(scores, key=lambda each: scores[each])
    return _climb(best, body, _held(prose), _held(_links_by_parent(body)))


def _links_by_parent(body: Any) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for link in body.iter("a"):
        parent = link.getparent()
        if parent is not None:
            found[parent] = found.get(parent, 0) + len("".join(link.itertext()).strip())
    return found


def _climb(best: Any, body: Any, held: dict[Any, int], links: dict[Any, int]) -> Any:
    """Up to the parent while it adds prose, such as a lead above the text, and not mainly links."""
    top = best
    while best is not body:
        parent = best.getparent()
        if parent is None or parent is body:
            break
        added = held.get(parent, 0) - held.get(top, 0)
        links_added = links.get(parent, 0) - links.get(top, 0)
        if links_added > _MOST_LINKS * max(added, 1):
            break
        best = parent
        if added > 0:
            top = best
    return top


def _remove_link_blocks(best: Any) -> None:
    for element in list(best.iterdescendants("ul", "ol", "div", "section", "table", "p")):
        if element.getparent() is None:
            continue
        length = len("".join(element.itertext()).split())
        links = sum(len("".join(link.itertext()).split()) for link in element.iter("a"))
        if 0 < length < 300 and links > 0.7 * length:
            element.drop_tree()


def _remove_turning_away(best: Any) -> None:
    """A short line that leads to other pages ("more on this") goes with what follows it beside it; labels of ads go too."""
    whole = sum(_prose_by_owner(best).values())
    for element in list(best.iterdescendants("p", "div", "h2", "h3", "h4", "h5", "span", "strong")):
        if element.getparent() is None:
            continue
        text = " ".join("".join(element.itertext()).split())
        if len(text) > 60:
            continue
        if _AD_LABEL.fullmatch(text):
            element.drop_tree()
        elif _TURNING_AWAY.fullmatch(text):
            following = list(element.itersiblings())
            if sum(len("".join(each.itertext())) for each in following if isinstance(each.tag, str)) < 0.25 * whole:
                for each in (*following, element):
                    each.drop_tree()
