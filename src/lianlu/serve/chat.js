(() => {
  const { root, $, kept, keep, made } = kit;
  const model = root.dataset.model;

  const WORDS = {
    en: {
      greeting: `Hello, this is ${model}. What would you like to know?`,
      question: "Your message", thoughts: "Thoughts", stopped: "stopped", short: "cut off at the longest answer",
      empty: "(an empty answer)", copy: "copy", copied: "copied", again: "Try again", failed: "no answer",
      unreachable: "The server cannot be reached.", check: "Is it still running?", broken: "The answer broke off.",
      needsKey: "Enter the key under Options.", theme: ["as the system", "light", "dark"],
      sure: "Clear the whole talk?", hint: "Enter sends, Shift+Enter begins a new line, Esc stops",
    },
    zh: {
      greeting: `你好，我是 ${model}。有什么可以帮你？`,
      question: "输入消息", thoughts: "思考过程", stopped: "已停止", short: "已达到回答的最大长度",
      empty: "（空回答）", copy: "复制", copied: "已复制", again: "重试", failed: "没有回答",
      unreachable: "无法连接服务。", check: "服务是否仍在运行？", broken: "回答中断了。",
      needsKey: "请在“选项”中填写密钥。", theme: ["跟随系统", "浅色", "深色"],
      sure: "清空全部对话？", hint: "Enter 发送，Shift+Enter 换行，Esc 停止",
    },
  };
  const words = () => WORDS[root.dataset.lang];

  // ---- Markdown to nodes. Text becomes text nodes and nothing else: no HTML of a model is ever parsed.
  const INLINE = /(`+)([\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]*?\S)\*\*|\*(?=[^\s*])([^*]*[^\s*])\*|\[([^\]\n]+)\]\((https?:\/\/[^\s()]+)\)|(https?:\/\/[^\s<>"'`，。；：、）》】]+)/;
  const inline = (parent, text) => {
    while (text) {
      const found = INLINE.exec(text);
      if (!found) break;
      parent.append(text.slice(0, found.index));
      const [whole, , code, strong, em, label, target, bare] = found;
      if (code !== undefined) parent.append(made("code", "", code));
      else if (strong !== undefined) parent.append(inline(made("strong"), strong));
      else if (em !== undefined) parent.append(inline(made("em"), em));
      else parent.append(link(label || bare, target || bare));
      text = text.slice(found.index + whole.length);
    }
    parent.append(text);
    return parent;
  };
  const link = (label, target) => {
    const node = made("a", "", label);
    node.href = target;
    node.target = "_blank";
    node.rel = "noopener noreferrer";
    return node;
  };
  const codeBlock = (text) => {
    const copy = made("button", "", words().copy);
    copy.type = "button";
    copy.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(text); copy.textContent = words().copied; } catch { /* not allowed here */ }
    });
    return made("div", "code", made("pre", "", made("code", "", text)), copy);
  };
  const cells = (row) => row.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const table = (rows) => {
    const line = (tag, row) => made("tr", "", ...cells(row).map((cell) => inline(made(tag), cell)));
    return made("table", "", made("thead", "", line("th", rows[0])), made("tbody", "", ...rows.slice(2).map((row) => line("td", row))));
  };
  const START = { fence: /^\s*(```+|~~~+)/, head: /^(#{1,6})\s+(.*)$/, item: /^\s*([-*+]|\d{1,9}[.)])\s+(.*)$/, quote: /^>\s?/, rule: /^\s*([-*_])(\s*\1){2,}\s*$/ };
  const starts = (line) => !line.trim() || Object.values(START).some((pattern) => pattern.test(line));
  const markdown = (text) => {
    const nodes = [];
    const lines = text.split("\n");
    for (let at = 0; at < lines.length;) {
      const line = lines[at];
      const fence = START.fence.exec(line);
      const head = START.head.exec(line);
      if (fence) {
        const code = [];
        for (at += 1; at < lines.length && !lines[at].trim().startsWith(fence[1]); at += 1) code.push(lines[at]);
        at += 1;
        nodes.push(codeBlock(code.join("\n")));
      } else if (head) {
        nodes.push(inline(made(`h${Math.min(head[1].length + 1, 4)}`), head[2]));
        at += 1;
      } else if (START.rule.test(line)) {
        nodes.push(made("hr"));
        at += 1;
      } else if (START.quote.test(line)) {
        const quoted = [];
        for (; at < lines.length && START.quote.test(lines[at]); at += 1) quoted.push(lines[at].replace(START.quote, ""));
        nodes.push(made("blockquote", "", ...markdown(quoted.join("\n"))));
      } else if (START.item.test(line)) {
        const ordered = /\d/.test(START.item.exec(line)[1]);
        const list = made(ordered ? "ol" : "ul");
        if (ordered) list.start = parseInt(line, 10);
        for (; at < lines.length && START.item.test(lines[at]); at += 1) {
          const item = [START.item.exec(lines[at])[2]];
          while (at + 1 < lines.length && lines[at + 1].trim() && !starts(lines[at + 1])) item.push(lines[(at += 1)].trim());
          list.append(inline(made("li"), item.join("\n")));
        }
        nodes.push(list);
      } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$/.test(lines[at + 1] || "")) {
        const rows = [];
        for (; at < lines.length && lines[at].includes("|"); at += 1) rows.push(lines[at]);
        nodes.push(table(rows));
      } else if (line.trim()) {
        const text = [line];
        for (at += 1; at < lines.length && !starts(lines[at]); at += 1) text.push(lines[at]);
        const paragraph = made("p");
        text.forEach((each, place) => {
          if (place) paragraph.append(made("br"));
          inline(paragraph, each);
        });
        nodes.push(paragraph);
      } else {
        at += 1;
      }
    }
    return nodes;
  };

  // ---- The talk
  const HISTORY = `talk.${model}`;
  let talk = kit.keptTalk("localStorage", HISTORY, (turn) => typeof turn.content === "string");
  let running = null;
  const keepTalk = () => keep("localStorage", HISTORY, talk.length ? JSON.stringify(talk) : "");

  const drawAnswer = (node, turn, isRunning) => {
    node.replaceChildren();
    if (turn.reasoning) {
      const thoughts = made("details", "thoughts", made("summary", "", words().thoughts), turn.reasoning);
      thoughts.open = isRunning && !turn.content;
      node.append(thoughts);
    }
    node.append(...markdown(turn.content));
    if (isRunning) {
      if (!turn.content) node.append(made("span", "spinner"));
    } else if (turn.error) {
      const again = made("button", "again", words().again);
      again.type = "button";
      again.addEventListener("click", retry);
      node.append(made("div", "error", made("strong", "", turn.error.message), made("p", "", turn.error.hint || ""), again));
    } else if (turn.end === "cancelled" || turn.end === "length") {
      node.append(made("div", "note", turn.end === "length" ? words().short : words().stopped));
    } else if (!turn.content) {
      node.append(made("div", "note", words().empty));
    }
    node.setAttribute("aria-busy", String(isRunning));
  };
  const drawTurn = (turn) => {
    const node = made("div", `message ${turn.role}`);
    if (turn.role === "user") node.textContent = turn.content;
    else drawAnswer(node, turn, running !== null && turn === running.turn);
    return node;
  };
  const drawTalk = () => {
    const greeting = made("div", "message greeting", words().greeting);
    $("messages").replaceChildren(greeting, ...talk.map(drawTurn));
    $("talk").scrollTop = $("talk").scrollHeight;
  };

  const drawRunning = () => kit.keepingEnd($("talk"), () => {
    const node = $("messages").lastElementChild;
    if (node && running) drawAnswer(node, running.turn, true);
  });

  // ---- Asking
  const request = () => {
    const system = $("system").value.trim();
    const said = talk.filter((turn) => turn.role === "user" || turn.content);
    const body = {
      model,
      stream: true,
      messages: [...(system ? [{ role: "system", content: system }] : []), ...said.map(({ role, content }) => ({ role, content }))],
    };
    if ($("temperature").value !== "") body.temperature = Number($("temperature").value);
    if ($("max-tokens").value !== "") body.max_tokens = Number($("max-tokens").value);
    return body;
  };
  const take = (turn, event) => {
    if (event.error) {
      turn.error = { message: event.error.message, hint: event.error.hint || "" };
      return;
    }
    for (const choice of event.choices || []) {
      turn.content += choice.delta.content || "";
      turn.reasoning = (turn.reasoning || "") + (choice.delta.reasoning_content || "");
      turn.end = choice.finish_reason || turn.end;
    }
  };
  const receive = async (turn, signal) => {
    const response = await fetch("v1/chat/completions", {
      method: "POST", headers: kit.headers($("key").value.trim()), body: JSON.stringify(request()), signal,
    });
    if (!response.ok) {
      turn.error = await kit.refused(response, words().needsKey);
      return;
    }
    let isDrawn = true;
    const isWhole = await kit.takeAll(response, (event) => {
      take(turn, event);
      if (isDrawn) {
        isDrawn = false;
        requestAnimationFrame(() => { isDrawn = true; drawRunning(); });
      }
    });
    if (!isWhole && !turn.error) turn.error = { message: words().broken, hint: "" };
  };
  const answer = async () => {
    const turn = { role: "assistant", content: "", end: "" };
    const abort = new AbortController();
    const asking = receive(turn, abort.signal);
    running = { turn, abort };
    talk.push(turn);
    kit.showRunning(true);
    drawTalk();
    try {
      await asking;
    } catch (error) {
      if (error.name === "AbortError") turn.end = "cancelled";
      else turn.error = turn.content ? { message: words().broken, hint: "" } : { message: words().unreachable, hint: words().check };
    }
    running = null;
    if (talk.includes(turn)) {
      keepTalk();
      drawTalk();
    }
    kit.showRunning(false);
    $("question").focus();
  };
  const ask = () => {
    const text = $("question").value.trim();
    if (!text || running) return;
    talk.push({ role: "user", content: text });
    keepTalk();
    $("question").value = "";
    grow();
    answer();
  };
  function retry() {
    if (running) return;
    if (talk.length && talk[talk.length - 1].role === "assistant") talk.pop();
    answer();
  }
  const stop = () => { if (running) running.abort.abort(); };

  // ---- The controls
  const grow = () => {
    const box = $("question");
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  };
  const showWords = () => {
    kit.showLanguage(words());
    [...$("theme").options].forEach((each, place) => { each.textContent = words().theme[place]; });
    drawTalk();
  };
  const remembered = (id, store = "localStorage") => {
    $(id).value = kept(store, id) || "";
    $(id).addEventListener("change", () => keep(store, id, $(id).value));
  };
  const showTheme = () => {
    if ($("theme").value) root.dataset.theme = $("theme").value;
    else delete root.dataset.theme;
  };

  $("model").textContent = model;
  $("model").title = model;
  for (const id of ["system", "temperature", "max-tokens", "theme"]) remembered(id);
  remembered("key", "sessionStorage");
  showTheme();
  $("theme").addEventListener("change", showTheme);
  $("options").addEventListener("click", () => {
    $("panel").hidden = !$("panel").hidden;
    $("options").setAttribute("aria-expanded", String(!$("panel").hidden));
  });
  $("clear").addEventListener("click", () => {
    if (talk.length && !window.confirm(words().sure)) return;
    stop();
    talk = [];
    keepTalk();
    drawTalk();
    $("question").focus();
  });
  $("question").addEventListener("input", grow);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.isComposing) stop(); });
  kit.start({ store: "localStorage", title: model, ask, stop, show: showWords });
  grow();
})();
