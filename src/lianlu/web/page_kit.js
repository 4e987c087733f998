"use strict";
// What the pages of our servers share: the browser's memory, nodes made of text, streams of events, and the controls
// that every page has (question, send, stop, language).
const kit = (() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);

  // Every access may fail (private mode, cookies off, a frame of another site); a page then works without memory.
  const kept = (store, name) => { try { return window[store].getItem(`lianlu.${name}`); } catch { return null; } };
  const keep = (store, name, value) => {
    try {
      if (value) window[store].setItem(`lianlu.${name}`, value);
      else window[store].removeItem(`lianlu.${name}`);
    } catch { /* nothing is remembered then */ }
  };
  const keptTalk = (store, name, isTurn) => {
    try {
      const before = JSON.parse(kept(store, name) || "[]");
      return Array.isArray(before) ? before.filter((turn) => turn && isTurn(turn)) : [];
    } catch { return []; /* what was kept cannot be read: begin anew */ }
  };

  // Text becomes text nodes and nothing else: no HTML of a person, a document or a model is ever parsed.
  const made = (tag, className, ...children) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };

  const headers = (key) => ({
    "Content-Type": "application/json", "Accept-Language": root.dataset.lang, ...(key ? { Authorization: `Bearer ${key}` } : {}),
  });
  const refused = async (response, needsKey) => {
    let error = null;
    try { ({ error } = await response.json()); } catch { /* no JSON: a proxy answered */ }
    const hint = response.status === 401 ? needsKey : error && error.hint;
    return { message: (error && error.message) || `HTTP ${response.status}`, hint: hint || "" };
  };
  async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data: ")) yield line.slice(6);
    }
  }
  // Takes the events of an answer; says whether it came to its end.
  const takeAll = async (response, take) => {
    let isWhole = false;
    for await (const event of events(response)) {
      if (event === "[DONE]") isWhole = true;
      else take(JSON.parse(event));
    }
    return isWhole;
  };

  const keepingEnd = (box, draw) => {
    const stays = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    draw();
    if (stays) box.scrollTop = box.scrollHeight;
  };
  const showRunning = (isRunning) => {
    $("send").hidden = isRunning;
    $("stop").hidden = !isRunning;
    root.dataset.state = isRunning ? "running" : "ready";
  };
  const showLanguage = (words) => {
    root.lang = root.dataset.lang === "zh" ? "zh-CN" : "en";
    $("question").placeholder = words.question;
    $("question").setAttribute("aria-label", words.question);
    $("question").title = words.hint;
  };
  const start = ({ store, title, ask, stop, show }) => {
    document.title = `${title} · lianlu`;
    const chosen = kept(store, "language");
    if (chosen === "en" || chosen === "zh") root.dataset.lang = chosen;
    $("language").addEventListener("click", () => {
      root.dataset.lang = root.dataset.lang === "zh" ? "en" : "zh";
      keep(store, "language", root.dataset.lang);
      show();
    });
    $("stop").addEventListener("click", stop);
    $("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
    $("question").addEventListener("keydown", (event) => {
      // While an input method composes Chinese, Enter chooses a word.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
        event.preventDefault();
        ask();
      }
    });
    show();
    showRunning(false);
    $("question").focus();
  };
  return { root, $, kept, keep, keptTalk, made, headers, refused, takeAll, keepingEnd, showRunning, showLanguage, start };
})();
