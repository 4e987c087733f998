"use strict";
(() => {
  const KEY = "lianlu.language";
  const root = document.documentElement;

  const remembered = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const remember = (language) => {
    try { localStorage.setItem(KEY, language); } catch { /* private mode, file:// in some browsers */ }
  };

  const SWAPPED = ["aria-label", "placeholder"];
  const show = (language) => {
    root.dataset.lang = language;
    root.lang = language === "zh" ? "zh-CN" : "en";
    for (const name of SWAPPED) {
      for (const node of document.querySelectorAll(`[data-${name}-${language}]`)) {
        node.setAttribute(name, node.getAttribute(`data-${name}-${language}`));
      }
    }
    const title = document.querySelector("title");
    title.textContent = title.getAttribute(`data-text-${language}`);
  };
  const kept = remembered();
  if ((kept === "en" || kept === "zh") && kept !== root.dataset.lang) show(kept);
  document.getElementById("language").addEventListener("click", () => {
    const next = root.dataset.lang === "zh" ? "en" : "zh";
    show(next);
    remember(next);
  });

  // The text of a cell as the reader sees it: the other language is left out.
  const shownText = (cell) => {
    const copy = cell.cloneNode(true);
    for (const node of copy.querySelectorAll(root.dataset.lang === "zh" ? ".l-en" : ".l-zh")) node.remove();
    return copy.textContent.trim();
  };
  const sortValue = (cell) => (cell.dataset.value !== undefined ? Number(cell.dataset.value) : shownText(cell));
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0) || a - b
      : String(a).localeCompare(String(b), root.lang, { numeric: true });

  const sortBy = (table, index, descending) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [sortValue(row.cells[index]), row]);
    rows.sort((a, b) => (descending ? compare(b[0], a[0]) : compare(a[0], b[0])));
    body.append(...rows.map((pair) => pair[1]));
    [...table.tHead.rows[0].cells].forEach((head, at) => {
      head.setAttribute("aria-sort", at !== index ? "none" : descending ? "descending" : "ascending");
    });
  };

  // A field that begins like a formula is disarmed: spreadsheets would run it.
  const csvField = (cell) => {
    let text = cell.dataset.value !== undefined ? cell.dataset.value : shownText(cell);
    if (cell.dataset.value === undefined && /^[=+\-@\t]/.test(text)) text = "'" + text;
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const asCsv = (table) =>
    [...table.rows].filter((row) => !row.hidden).map((row) => [...row.cells].map(csvField).join(",")).join("\r\n");

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  for (const box of document.querySelectorAll(".table")) {
    const table = box.querySelector("table");
    table.tHead.querySelectorAll("th").forEach((head, index) => {
      head.querySelector("button")?.addEventListener("click", () =>
        sortBy(table, index, head.getAttribute("aria-sort") === "ascending"));
    });
    box.querySelector(".filter")?.addEventListener("input", (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !shownText(row).toLowerCase().includes(wanted);
    });
    box.querySelector(".csv")?.addEventListener("click", async () => {
      await copy(asCsv(table));
      const said = box.querySelector(".copied");
      said.hidden = false;
      setTimeout(() => { said.hidden = true; }, 1500);
    });
  }

  // Paper cannot be unfolded: print everything, then fold again what was folded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const each of folded) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
  });
})();
