(() => {
  const { root, $, kept, keep, made } = kit;
  const name = root.dataset.name;

  const WORDS = {
    en: {
      greeting: `Hello. Ask me about the documents of “${name}”; I answer with their own words and show where they stand.`,
      question: "Your question", facts: (it) => `${it.documents} documents · ${it.chunks} passages · ${it.model || "quoted, no model"}`,
      understood: "understood as: ", dropped: (count) => `${count} unsupported ${count > 1 ? "claims were" : "claim was"} left out`,
      nearest: "nearest passages:", stopped: "stopped", unreachable: "The server cannot be reached. Is it still running?",
      broken: "The answer broke off.", page: (number) => `page ${number}`, line: (number) => `line ${number}`, hint: "Enter asks, Shift+Enter begins a new line, Esc stops",
      cite: (number) => `source ${number}`, also: (uris) => ` · also in ${uris.join(", ")}`, needsKey: "Enter the key above.",
    },
    zh: {
      greeting: `你好！请就“${name}”里的文档提问，我会用文档的原话回答，并标明出处。`,
      question: "输入问题", facts: (it) => `${it.documents} 篇文档 · ${it.chunks} 个片段 · ${it.model || "摘录原文，不用模型"}`,
      understood: "理解为：", dropped: (count) => `已删去 ${count} 条没有依据的说法`,
      nearest: "最接近的段落：", stopped: "已停止", unreachable: "无法连接服务，它还在运行吗？",
      broken: "回答中断了。", page: (number) => `第 ${number} 页`, line: (number) => `第 ${number} 行`, hint: "Enter 提问，Shift+Enter 换行，Esc 停止",
      cite: (number) => `出处 ${number}`, also: (uris) => ` · 也见于 ${uris.join("、")}`, needsKey: "请在上方填写密钥。",
    },
  };
  const words = () => WORDS[root.dataset.lang];

  const STORE = "sessionStorage"; // what was asked stays in this tab
  const HISTORY = `base.${name}`;
  let talk = kit.keptTalk(STORE, HISTORY, (turn) => typeof turn.question === "string" && Array.isArray(turn.claims));
  let running = null;
  let facts = null;
  const keepTalk = () => keep(STORE, HISTORY, talk.length ? JSON.stringify(talk.map(({ node, ...turn }) => turn)) : "");

  // ---- Drawing
  const where = (place) => {
    const parts = [place.uri, ...(place.headings && place.headings.length ? [place.headings.join(" › ")] : [])];
    if (place.page) parts.push(words().page(place.page));
    if (place.first_line) parts.push(words().line(place.first_line === place.last_line ? place.first_line : `${place.first_line}–${place.last_line}`));
    return parts.join(" · ");
  };
  const citeButton = (citation) => {
    const button = made("button", "cite", `[${citation.number}]`);
    button.type = "button";
    button.title = where(citation);
    button.setAttribute("aria-label", `${words().cite(citation.number)}: ${where(citation)}`);
    button.addEventListener("click", () => openSource(citation, button));
    return button;
  };
  const claim = (text, citations) => {
    const node = made("span", "claim");
    const known = new Map(citations.map((citation) => [citation.number, citation]));
    let at = 0;
    for (const found of text.matchAll(/\[(\d{1,3})\]/g)) {
      const citation = known.get(Number(found[1]));
      if (!citation) continue;
      node.append(text.slice(at, found.index), citeButton(citation));
      at = found.index + found[0].length;
    }
    node.append(text.slice(at));
    return node;
  };
  const drawAnswer = (node, turn) => {
    node.replaceChildren();
    const answer = turn.answer;
    if (turn.rewritten) node.append(made("div", "note", words().understood + turn.rewritten));
    if (answer) node.append(claim(answer.text, answer.citations || []));
    else node.append(...turn.claims.map((each) => claim(each.text, each.citations)));
    if (turn === (running && running.turn)) node.append(" ", made("span", "spinner"));
    const citations = (answer && answer.citations) || [];
    if (citations.length) node.append(made("ul", "places", ...citations.map((each) => made("li", "", citeButton(each), where(each), each.also ? words().also(each.also) : ""))));
    const dropped = (answer && answer.dropped) || [];
    if (dropped.length) {
      const why = (each) => (root.dataset.lang === "zh" && each.why_zh) || each.why;
      const list = dropped.map((each) => made("div", "", `${each.claim} — ${why(each)}`));
      node.append(made("details", "note", made("summary", "", words().dropped(dropped.length)), ...list));
    }
    const nearest = (answer && answer.nearest) || [];
    if (nearest.length) {
      const show = (each) => {
        const button = made("button", "cite", where(each));
        button.type = "button";
        button.addEventListener("click", () => openSource(each, button));
        return made("li", "", button);
      };
      node.append(made("div", "note", words().nearest), made("ul", "places", ...nearest.map(show)));
    }
    for (const each of (answer && answer.notes) || []) node.append(made("div", "note", each));
    if (turn.error) node.append(made("div", "error", turn.error));
    if (turn.isStopped) node.append(made("div", "note", words().stopped));
  };
  const drawTalk = () => {
    const greeting = made("div", "message greeting", root.dataset.greeting || words().greeting);
    const nodes = talk.flatMap((turn) => {
      const node = made("div", "message answer");
      drawAnswer(node, turn);
      turn.node = node;
      return [made("div", "message user", made("span", "", turn.question)), node];
    });
    $("messages").replaceChildren(greeting, ...nodes);
    $("messages").scrollTop = $("messages").scrollHeight;
  };
  const redraw = (turn) => {
    if (!turn.node) return;
    kit.keepingEnd($("messages"), () => drawAnswer(turn.node, turn));
  };

  // ---- The source of a citation
  let pressed = null;
  const closeSource = () => {
    $("source").hidden = true;
    if (pressed) { pressed.setAttribute("aria-pressed", "false"); pressed.focus(); }
    pressed = null;
  };
  const openSource = async (citation, button) => {
    if (pressed) pressed.setAttribute("aria-pressed", "false");
    pressed = button;
    if (button) button.setAttribute("aria-pressed", "true");
    $("source").hidden = false;
    $("source-title").textContent = citation.uri || "";
    $("source-place").textContent = citation.uri ? where(citation).slice(citation.uri.length + 3) : "";
    $("source-text").replaceChildren(made("span", "spinner"));
    try {
      const query = new URLSearchParams({ document: citation.document_id, start: citation.span.start, end: citation.span.end });
      const told = await got(`v1/lianlu/source?${query}`);
      const mark = made("mark", "", told.text.slice(told.mark[0], told.mark[1]));
      $("source-title").textContent = told.uri;
      $("source-text").replaceChildren(told.text.slice(0, told.mark[0]), mark, told.text.slice(told.mark[1]));
      mark.scrollIntoView({ block: "center" });
    } catch (error) {
      $("source-text").replaceChildren(made("div", "error", error instanceof TypeError ? words().unreachable : error.message));
    }
  };
  // A link of an answer given elsewhere: `#document=…&start=…&end=…`.
  const openLinked = () => {
    const place = new URLSearchParams(location.hash.slice(1));
    if (!place.get("document")) return;
    openSource({ document_id: place.get("document"), span: { start: place.get("start") || 0, end: place.get("end") || 0 } }, null);
  };

  // ---- Asking
  const headers = () => kit.headers($("key").value.trim());
  const refused = async (response) => {
    if (response.status === 401) $("key-row").hidden = false;
    const { message, hint } = await kit.refused(response, words().needsKey);
    return [message, hint].filter(Boolean).join(" ");
  };
  const got = async (address) => {
    const response = await fetch(address, { headers: headers() });
    if (!response.ok) throw new Error(await refused(response));
    return response.json();
  };
  const take = (turn, event) => {
    if (event.error) turn.error = [event.error.message, event.error.hint].filter(Boolean).join(" ");
    else if (event.kind === "rewritten") turn.rewritten = event.question;
    else if (event.kind === "claimed") turn.claims.push({ text: event.text, citations: event.citations || [] });
    else if (event.kind === "answered") turn.answer = event.answer;
  };
  const receive = async (turn, signal) => {
    const said = talk.filter((each) => each !== turn && each.answer).slice(-6);
    const history = said.flatMap((each) => [{ role: "user", text: each.question }, { role: "assistant", text: each.answer.text }]);
    const response = await fetch("v1/lianlu/ask", {
      method: "POST", signal, headers: headers(), body: JSON.stringify({ question: turn.question, history, stream: true }),
    });
    if (!response.ok) {
      turn.error = await refused(response);
      return;
    }
    const isWhole = await kit.takeAll(response, (event) => { take(turn, event); redraw(turn); });
    if (!isWhole && !turn.error) turn.error = words().broken;
  };
  const ask = async () => {
    const question = $("question").value.trim();
    if (!question || running) return;
    const turn = { question, claims: [], answer: null };
    const abort = new AbortController();
    talk.push(turn);
    running = { turn, abort };
    $("question").value = "";
    kit.showRunning(true);
    drawTalk();
    try {
      await receive(turn, abort.signal);
    } catch (error) {
      if (error.name === "AbortError") turn.isStopped = true;
      else turn.error = turn.claims.length ? words().broken : words().unreachable;
    }
    running = null;
    kit.showRunning(false);
    redraw(turn);
    keepTalk();
    $("question").focus();
  };
  const stop = () => { if (running) running.abort.abort(); };

  // ---- The controls
  const showWords = () => {
    kit.showLanguage(words());
    $("facts").textContent = facts ? words().facts(facts) : "";
    drawTalk();
  };
  const showFacts = async () => {
    try {
      facts = await got("v1/lianlu/base");
      $("key-row").hidden = true;
      showWords();
    } catch { /* the heading stays bare */ }
  };
  $("name").textContent = name;
  $("key").value = kept(STORE, "key") || "";
  $("key").addEventListener("change", () => { keep(STORE, "key", $("key").value); showFacts(); });
  $("clear").addEventListener("click", () => { stop(); talk = []; keepTalk(); closeSource(); drawTalk(); $("question").focus(); });
  $("close").addEventListener("click", closeSource);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    if (running) stop(); else if (!$("source").hidden) closeSource();
  });
  window.addEventListener("hashchange", openLinked);
  kit.start({ store: STORE, title: name, ask, stop, show: showWords });
  showFacts();
  openLinked();
})();
