"use strict";
// Search and quote without a server. Terms, weights and BM25 are those of lianlu (text/tokens.py, rag/lexical.py), so that
// this page ranks as the command line does by words; a test compares them. What is shown goes in as text, never as markup.

const CJK = "\u3005-\u3007\u3041-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\u{20000}-\u{3ffff}";
const WORD = `(?:(?![${CJK}])[\\p{L}\\p{N}])`;
const PIECE = new RegExp(`(?<cjk>[${CJK}]+)|${WORD}+(?:[._\\-'’/]${WORD}+|_+${WORD}+)*(?:\\+\\+|#)?`, "gu");
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]/gu;
// A dot inside a word ends nothing: model.merge, 3.11.
const SENTENCE = /(?:[^。！？；\n.!?]|[.!?]+(?![\s.!?]|$))*(?:[。！？；]+|[.!?]+(?=\s|$)|\n+|$)/gu;
const K1 = 1.5;
const B = 0.75;
const STOP_WEIGHT = 0.1;
const LONGEST_TERM = 64;
const SHOWN = 5;
const QUOTED = 3;
const ENOUGH = 0.35;

const fold = (text) => text.normalize("NFKC").replace(INVISIBLE, "").toLowerCase().replaceAll("ß", "ss");
const cut = (text, length) => Array.from(text).slice(0, length).join("");

function stem(word) {
  if (!/^[A-Za-z]+$/.test(word) || word.length <= 3) return word;
  if (word.endsWith("ies")) return word.slice(0, -3) + "y";
  if (word.endsWith("s") && !/(?:ss|us|is)$/.test(word)) word = word.slice(0, -1);
  for (const ending of ["ing", "ed"]) {
    const rest = word.slice(0, -ending.length);
    if (word.endsWith(ending) && !word.endsWith("eed") && rest.length >= 3 && /[aeiouy]/.test(rest)) {
      const isDoubled = rest.at(-1) === rest.at(-2) && !"lsz".includes(rest.at(-1));
      return isDoubled ? rest.slice(0, -1) : rest;
    }
  }
  return word.endsWith("e") ? word.slice(0, -1) : word;
}

function wordTerms(word) {
  const found = new Set([stem(cut(fold(word), LONGEST_TERM))]);
  for (const part of word.replaceAll("_", "-").split(/[._\-'’/+#]+/u)) {
    if (!part) continue;
    const humps = part.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/u);
    for (const piece of [part, ...humps, ...(part.match(/\p{Nd}+|[\p{L}\p{Nl}\p{No}]+/gu) ?? [])]) {
      found.add(stem(cut(fold(piece), LONGEST_TERM)));
    }
  }
  return [...found];
}

function terms(text) {
  const found = [];
  for (const match of text.normalize("NFKC").matchAll(PIECE)) {
    if (match.groups.cjk === undefined) {
      found.push(...wordTerms(match[0]));
      continue;
    }
    const characters = Array.from(match[0]);
    found.push(...characters);
    for (let at = 1; at < characters.length; at += 1) found.push(characters[at - 1] + characters[at]);
  }
  return found;
}

const counted = (list) => {
  const counts = new Map();
  for (const each of list) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
};

class Index {
  constructor(base) {
    this.base = base;
    this.stops = new Set(base.stops);
    this.postings = new Map();
    this.lengths = base.chunks.map((chunk, place) => {
      const list = terms(chunk.above ? `${chunk.above}\n${chunk.text}` : chunk.text);
      for (const [term, count] of counted(list)) {
        if (!this.postings.has(term)) this.postings.set(term, []);
        this.postings.get(term).push([place, count]);
      }
      return list.length;
    });
    this.mean = Math.max(this.lengths.reduce((sum, each) => sum + each, 0) / Math.max(this.lengths.length, 1), 1);
  }

  idf(term, least = 0) {
    const having = Math.max((this.postings.get(term) ?? []).length, least);
    return Math.log1p((this.lengths.length - having + 0.5) / (having + 0.5));
  }

  weight(term) {
    return this.stops.has(term) ? STOP_WEIGHT : 1;
  }

  search(question, limit) {
    const scores = new Map();
    for (const [term, times] of counted(terms(question))) {
      const weight = times * this.weight(term) * this.idf(term) * (K1 + 1);
      for (const [place, count] of this.postings.get(term) ?? []) {
        const norm = K1 * (1 - B + (B * this.lengths[place]) / this.mean);
        scores.set(place, (scores.get(place) ?? 0) + (weight * count) / (count + norm));
      }
    }
    return [...scores].sort((one, two) => two[1] - one[1] || one[0] - two[0]).slice(0, limit);
  }

  // The share of what the question asks for that a text has, by weight. A term that no passage has is as rare as one that
  // a single passage has: in a base of a few passages it would outweigh all others.
  covered(question, text) {
    const there = new Set(terms(text));
    let all = 0;
    let had = 0;
    for (const term of new Set(terms(question))) {
      const weight = this.weight(term) * this.idf(term, 1);
      all += weight;
      if (there.has(term)) had += weight;
    }
    return all ? had / all : 0;
  }

  // Sentences of the best passages that have most of the question, as [place, start, end].
  quotes(question, hits) {
    const found = [];
    for (const [rank, [place]] of hits.entries()) {
      for (const match of this.base.chunks[place].text.matchAll(SENTENCE)) {
        if (match[0].trim().length < 4) continue;
        const size = Array.from(match[0]).length;
        const score = this.covered(question, match[0]) / (1 + Math.max(size - 200, 0) / 200) / (1 + rank / 10);
        found.push([score, place, match.index, match.index + match[0].length]);
      }
    }
    found.sort((one, two) => two[0] - one[0]);
    const best = found.length ? found[0][0] : 0;
    return found.filter((each) => each[0] > 0 && each[0] >= best * 0.6).slice(0, QUOTED).map((each) => each.slice(1));
  }

  answer(question) {
    const hits = this.search(question, SHOWN);
    const isFound = hits.some(([place]) => this.covered(question, this.base.chunks[place].above + "\n" + this.base.chunks[place].text) >= ENOUGH);
    return { hits, quotes: isFound ? this.quotes(question, hits) : [] };
  }
}

function page(index) {
  const by = (id) => document.getElementById(id);
  const element = (name, text = "", kind = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = kind;
    return made;
  };
  const both = (en, zh) => {
    const made = element("p");
    made.append(element("span", en, "l-en"), element("span", zh, "l-zh"));
    return made;
  };
  const show = (number) => {
    const passage = by(`passage-${number}`);
    passage.open = true;
    passage.scrollIntoView({ block: "nearest" });
    passage.querySelector("summary").focus();
  };
  const placeOf = (chunk) => {
    const pages = chunk.page ? ` · p. ${chunk.page}` : "";
    const lines = chunk.lines ? ` · L${chunk.lines[0]}–${chunk.lines[1]}` : "";
    return `${chunk.uri}${pages}${lines}${chunk.headings.length ? " · " + chunk.headings.join(" › ") : ""}`;
  };
  const passage = (number, chunk, spans) => {
    const made = element("details");
    made.id = `passage-${number}`;
    made.append(element("summary", `[${number}] ${placeOf(chunk)}`));
    const text = element("pre");
    let at = 0;
    for (const [start, end] of spans.sort((one, two) => one[0] - two[0])) {
      text.append(chunk.text.slice(at, start), element("mark", chunk.text.slice(start, end)));
      at = end;
    }
    text.append(chunk.text.slice(at));
    made.append(text);
    return made;
  };
  by("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const { hits, quotes } = index.answer(by("question").value);
    const numbers = new Map(hits.map(([place], at) => [place, at + 1]));
    const lines = quotes.map(([place, start, end]) => {
      const line = element("p", index.base.chunks[place].text.slice(start, end).trim() + " ");
      const cite = element("button", `[${numbers.get(place)}]`);
      cite.type = "button";
      cite.addEventListener("click", () => show(numbers.get(place)));
      line.append(cite);
      return line;
    });
    if (!lines.length) lines.push(both("The documents do not seem to answer this.", "文档中似乎没有答案。"));
    by("answer").replaceChildren(...lines);
    by("passages").replaceChildren(
      ...hits.map(([place]) => passage(numbers.get(place), index.base.chunks[place], quotes.filter((each) => each[0] === place).map((each) => [each[1], each[2]]))),
    );
  });
  by("language").addEventListener("click", () => {
    document.documentElement.lang = document.documentElement.lang === "en" ? "zh-CN" : "en";
  });
  document.documentElement.lang = /^zh/i.test(navigator.language) ? "zh-CN" : "en";
  by("question").focus();
}

if (typeof document !== "undefined") page(new Index(JSON.parse(document.getElementById("base").textContent)));
if (typeof module !== "undefined") module.exports = { Index, terms };
