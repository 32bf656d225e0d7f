// Shows the items of the embedded data in the table, 100 at a time, with search, filters and sorting.
"use strict";
(() => {
  const source = document.getElementById("data");
  const table = document.querySelector("table.items");
  if (!source || !table) return;
  const data = JSON.parse(source.textContent);
  const PAGE_SIZE = 100;
  // Limits the length of a printed report.
  const MAX_PRINTED = 500;
  const NEEDS_ATTENTION = ["failed", "in_doubt", "rejected", "expired", "interrupted"];

  const text = (index) => data.texts[index];
  // Returns a sentence in the language of the page, with its values.
  const t = (sentence, values = {}) => data.sentences[sentence].replace(/%[{](\w+)[}]/g, (_, name) => values[name]);
  const items = data.items.map(([[flow, key, row, status], [flowId, sent, ended], [code, message, hint], signers, files]) => ({
    flow: text(flow), key, row, status, flowId, sent, ended, files, code, message: text(message), hint: text(hint), signers,
    word: data.statuses[status][0], label: data.statuses[status][1], words: "",
    file: files.map(([path]) => path).join("; "),
  }));
  // The searched text of an item is built on first use.
  const words = (item) => item.words ||= [item.key, item.flow, item.flowId, item.label, item.file, item.code ?? "", item.message, item.hint,
    ...item.signers.flatMap(([name, state]) => [text(name), state])].join("\n").toLowerCase();

  const find = (id) => document.getElementById(id);
  const [controls, search, status, flow] = ["controls", "search", "status", "flow"].map(find);
  const [found, pager, before, after, where] = ["found", "pager", "before", "after", "where"].map(find);
  const body = table.tBodies[0];
  const count = (number) => number.toLocaleString("en");

  const make = (name, kind, ...inside) => {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.append(...inside);
    return element;
  };
  const signer = ([name, state, link, time, oddLink]) => {
    const entry = make("li", "", make("span", "soft", `${text(name)}:`), ` ${state}`);
    if (/^https?:[/][/]/i.test(link)) {
      const anchor = make("a", "", t("sign link"));
      anchor.href = link;
      anchor.rel = "noopener noreferrer";
      entry.append(" ", anchor);
    }
    if (oddLink) entry.append(" ", make("span", "code", oddLink));
    if (time) entry.append(" ", make("span", "time", time));
    return entry;
  };
  const file = ([path, url]) => {
    if (!/^[.]{1,2}[/]/.test(url)) return make("span", "", path);
    const anchor = make("a", "", path);
    anchor.href = url;
    return anchor;
  };
  // On narrow screens a row is a card: its cells show the titles of their columns.
  const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const row = (item) => {
    const key = make("th", "item", make("span", "item-key", item.key || t("(no key)")));
    key.scope = "row";
    if (item.flowId) key.append(make("span", "id", item.flowId));
    const why = make("td", "why", item.message);
    if (item.code !== null) why.append(" ", make("span", "code", item.code));
    if (item.hint) why.append(make("span", "hint", item.hint));
    const cells = make("tr", "", key, make("td", "", item.flow), make("td", "right", item.row ?? ""),
      make("td", "status", make("span", `state s-${item.word}`, item.label)),
      make("td", "", make("ul", "signers", ...item.signers.map(signer))),
      make("td", "time", item.sent), make("td", "time", item.ended), make("td", "file", ...item.files.map(file)), why);
    [...cells.cells].forEach((cell, at) => at > 0 && cell.setAttribute("data-label", titles[at]));
    return cells;
  };

  let matching = items;
  let page = 0;
  let sorted = null;
  const filtered = () => search.value.trim() !== "" || status.value !== "" || flow.value !== "";
  const show = () => {
    const pages = Math.max(1, Math.ceil(matching.length / PAGE_SIZE));
    page = Math.min(page, pages - 1);
    const from = page * PAGE_SIZE;
    const part = matching.slice(from, from + PAGE_SIZE);
    body.replaceChildren(...part.map(row));
    pager.hidden = pages === 1;
    where.textContent = t("%{first} to %{last}", { first: count(from + 1), last: count(from + part.length) });
    // A disabled button loses the focus; aria-disabled keeps it.
    before.setAttribute("aria-disabled", page === 0);
    after.setAttribute("aria-disabled", page === pages - 1);
    const summary = filtered() ? t("%{shown} of %{total} items", { shown: count(matching.length), total: count(items.length) }) : t("%{count} items", { count: count(items.length) });
    found.textContent = matching.length === 0 ? t("No matching items.") : summary;
  };

  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const compare = {
    row: (a, b) => a.row - b.row,
    status: (a, b) => a.status - b.status,
    sent: (a, b) => (a.sent < b.sent ? -1 : Number(a.sent > b.sent)),
    ended: (a, b) => (a.ended < b.ended ? -1 : Number(a.ended > b.ended)),
  };
  const order = (list) => {
    if (!sorted) return list;
    const { by, down } = sorted;
    const compareBy = compare[by] ?? ((a, b) => collator.compare(a[by], b[by]));
    const empty = (item) => item[by] === "" || item[by] === null;
    // Empty values come last in both directions.
    return [...list].sort((a, b) => empty(a) - empty(b) || (down ? compareBy(b, a) : compareBy(a, b)));
  };
  const applyFilters = () => {
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (item) => (!status.value || item.word === status.value) && (!flow.value || item.flow === flow.value) &&
      terms.every((word) => words(item).includes(word));
    matching = order(items.filter(fits));
    page = 0;
    show();
  };

  // Filters list the existing values with their counts.
  const options = (select, pairs) => {
    const counts = new Map();
    for (const [value, label] of pairs) counts.set(value, [label, (counts.get(value)?.[1] ?? 0) + 1]);
    for (const [value, [label, number]] of counts) select.append(new Option(`${label} (${count(number)})`, value));
  };
  options(flow, items.map((item) => [item.flow, item.flow]));
  options(status, [...items].sort(compare.status).map((item) => [item.word, item.label]));

  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(applyFilters, 80);
  });
  for (const select of [status, flow]) select.addEventListener("change", applyFilters);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("reset", () => setTimeout(applyFilters));
  const bindPageButton = (button, by) => button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    page += by;
    show();
    find("found").scrollIntoView();
  });
  bindPageButton(before, -1);
  bindPageButton(after, 1);

  const heads = [...table.querySelectorAll("th[data-sort]")];
  for (const head of heads) {
    const button = make("button", "sort", ...head.childNodes);
    button.type = "button";
    head.append(button);
    button.addEventListener("click", () => {
      const by = head.dataset.sort;
      if (sorted?.by !== by) sorted = { by, down: false };
      else sorted = sorted.down ? null : { by, down: true };
      for (const other of heads) other.ariaSort = "none";
      if (sorted) head.ariaSort = sorted.down ? "descending" : "ascending";
      applyFilters();
    });
  }

  // A figure in the head filters the table by its status.
  for (const link of document.querySelectorAll("a[data-show]")) {
    link.addEventListener("click", () => {
      controls.reset();
      status.value = link.dataset.show;
      // A status without retained items is not among the options.
      if (status.selectedIndex < 0) status.value = "";
      setTimeout(applyFilters);
    });
  }

  // Prints the selected items; without a filter, those that need attention.
  addEventListener("beforeprint", () => {
    const urgent = items.filter((item) => NEEDS_ATTENTION.includes(item.word));
    const list = filtered() || sorted ? matching : urgent.length > 0 ? urgent : items.slice(0, PAGE_SIZE);
    body.replaceChildren(...list.slice(0, MAX_PRINTED).map(row));
    const printed = count(Math.min(list.length, MAX_PRINTED));
    const values = { printed, selected: count(list.length), total: count(items.length) };
    found.textContent = filtered() ? t("Printed here: %{printed} of %{selected} items that match. The page has %{total}; the tables in the same folder have all.", values)
      : sorted || urgent.length === 0 ? t("Printed here: %{printed} of %{selected} items. The page has %{total}; the tables in the same folder have all.", values)
      : t("Printed here: %{printed} of %{selected} items that need attention. The page has %{total}; the tables in the same folder have all.", values);
  });
  addEventListener("afterprint", show);

  controls.hidden = false;
  table.classList.add("live");
  applyFilters();
})();
