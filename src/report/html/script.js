// Fills the table of items from the data in the page, a hundred at a time; searches, filters and sorts them.
"use strict";
(() => {
  const source = document.getElementById("data");
  const table = document.querySelector("table.items");
  if (!source || !table) return;
  const data = JSON.parse(source.textContent);
  const SHOWN = 100;
  // A page on paper should end some time.
  const PRINTED = 500;
  const NEED = ["failed", "in_doubt"];

  const text = (place) => data.texts[place];
  const items = data.items.map(([[flow, key, row, status], [flowId, sent, ended, file], [code, message, hint], signers]) => ({
    flow: text(flow), key, row, status, flowId, sent, ended, file, code, message: text(message), hint: text(hint), signers,
    word: data.statuses[status][0], label: data.statuses[status][1], words: "",
  }));
  // What is searched is put together when it is first needed.
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
  const signer = ([name, state, link, time]) => {
    const line = make("li", "", make("span", "soft", `${text(name)}:`), ` ${state}`);
    if (/^https?:[/][/]/i.test(link)) {
      const way = make("a", "", "sign link");
      way.href = link;
      way.rel = "noopener noreferrer";
      line.append(" ", way);
    }
    if (time) line.append(" ", make("span", "time", time));
    return line;
  };
  const line = (item) => {
    const key = make("th", "item", item.key || "(no key)");
    key.scope = "row";
    if (item.flowId) key.append(make("span", "id", item.flowId));
    const why = make("td", "why", item.message);
    if (item.code !== null) why.append(" ", make("span", "code", item.code));
    if (item.hint) why.append(make("span", "hint", item.hint));
    return make("tr", "", key, make("td", "", item.flow), make("td", "right", item.row ?? ""),
      make("td", "", make("span", `state s-${item.word}`, item.label)),
      make("td", "", make("ul", "signers", ...item.signers.map(signer))),
      make("td", "time", item.sent), make("td", "time", item.ended), make("td", "file", item.file), why);
  };

  let chosen = items;
  let page = 0;
  let sorted = null;
  const filtered = () => search.value.trim() !== "" || status.value !== "" || flow.value !== "";
  const show = () => {
    const pages = Math.max(1, Math.ceil(chosen.length / SHOWN));
    page = Math.min(page, pages - 1);
    const from = page * SHOWN;
    const part = chosen.slice(from, from + SHOWN);
    body.replaceChildren(...part.map(line));
    pager.hidden = pages === 1;
    where.textContent = `${count(from + 1)} to ${count(from + part.length)}`;
    // A button that is disabled loses the focus; one that only says so keeps it.
    before.setAttribute("aria-disabled", page === 0);
    after.setAttribute("aria-disabled", page === pages - 1);
    const of = filtered() ? `${count(chosen.length)} of ${count(items.length)} items` : `${count(items.length)} items`;
    found.textContent = chosen.length === 0 ? "No item is like that." : of;
  };

  const collator = new Intl.Collator("en", { numeric: true });
  const compare = {
    row: (a, b) => a.row - b.row,
    status: (a, b) => a.status - b.status,
    sent: (a, b) => (a.sent < b.sent ? -1 : Number(a.sent > b.sent)),
    ended: (a, b) => (a.ended < b.ended ? -1 : Number(a.ended > b.ended)),
  };
  const order = (list) => {
    if (!sorted) return list;
    const { by, down } = sorted;
    const than = compare[by] ?? ((a, b) => collator.compare(a[by], b[by]));
    const empty = (item) => item[by] === "" || item[by] === null;
    // What says nothing stands at the end, whichever way.
    return [...list].sort((a, b) => empty(a) - empty(b) || (down ? than(b, a) : than(a, b)));
  };
  const choose = () => {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (item) => (!status.value || item.word === status.value) && (!flow.value || item.flow === flow.value) &&
      asked.every((word) => words(item).includes(word));
    chosen = order(items.filter(fits));
    page = 0;
    show();
  };

  // Filters name what is there, with how many.
  const options = (select, pairs) => {
    const counts = new Map();
    for (const [value, label] of pairs) counts.set(value, [label, (counts.get(value)?.[1] ?? 0) + 1]);
    for (const [value, [label, number]] of counts) select.append(new Option(`${label} (${count(number)})`, value));
  };
  options(flow, items.map((item) => [item.flow, item.flow]));
  options(status, [...items].sort(compare.status).map((item) => [item.word, item.label]));

  let waits = 0;
  search.addEventListener("input", () => {
    clearTimeout(waits);
    waits = setTimeout(choose, 80);
  });
  for (const select of [status, flow]) select.addEventListener("change", choose);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("reset", () => setTimeout(choose));
  const turn = (button, by) => button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    page += by;
    show();
    find("found").scrollIntoView();
  });
  turn(before, -1);
  turn(after, 1);

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
      choose();
    });
  }

  // A figure at the head shows its items.
  for (const link of document.querySelectorAll("a[data-show]")) {
    link.addEventListener("click", () => {
      controls.reset();
      status.value = link.dataset.show;
      // One of those that were left out has no choice of its own.
      if (status.selectedIndex < 0) status.value = "";
      setTimeout(choose);
    });
  }

  // On paper stand those that were chosen; where nothing was, those that need a person.
  addEventListener("beforeprint", () => {
    const need = items.filter((item) => NEED.includes(item.word));
    const list = filtered() || sorted ? chosen : need.length > 0 ? need : items.slice(0, SHOWN);
    body.replaceChildren(...list.slice(0, PRINTED).map(line));
    const printed = `${list.length > PRINTED ? `${count(PRINTED)} of ` : ""}${count(list.length)}`;
    const which = filtered() ? " that were chosen" : sorted || need.length === 0 ? "" : " that failed or are in doubt";
    found.textContent = `Printed here: ${printed} items${which}. The page has ${count(items.length)}; the tables beside it have all.`;
  });
  addEventListener("afterprint", show);

  controls.hidden = false;
  table.classList.add("live");
  choose();
})();
