// Sorting and filtering of the table of rows. Without it the page reads and prints the same.
(() => {
  "use strict";
  const table = document.getElementById("overview");
  const form = document.getElementById("filter");
  if (!table || !form) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const words = form.querySelector("input[type=search]");
  const flagged = form.querySelector("input[type=checkbox]");
  const cluster = form.querySelector("select"); // of alike rows, if there are some
  const state = form.querySelector("output");
  const cardOf = new Map(
    rows.map((row) => [row, document.getElementById("rank-" + row.dataset.rank)])
  );

  // Letters of full and of half width are the same: Japanese keyboards write both.
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const textOf = new Map(
    rows.map((row) => {
      const card = cardOf.get(row); // which has more of the text
      const parts = [
        ...row.querySelectorAll(".why, .snippet"),
        ...(card ? card.querySelectorAll(".text, .reasons") : []),
      ];
      return [row, plain(parts.map((part) => part.textContent).join(" "))];
    })
  );

  const filter = () => {
    const wanted = plain(words.value).trim().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits =
        wanted.every((word) => textOf.get(row).includes(word)) &&
        (!flagged.checked || row.dataset.flagged === "1") &&
        (!cluster || !cluster.value || row.dataset.cluster === cluster.value);
      row.hidden = !fits;
      const card = cardOf.get(row);
      if (card) card.hidden = !fits;
      shown += fits;
    }
    state.textContent = form.dataset.shown.replace("%d", shown).replace("%d", rows.length);
  };

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };

  const sort = (head) => {
    const column = head.cellIndex;
    const before = head.getAttribute("aria-sort");
    const first = head.dataset.first === "descending" ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = before === first ? other : first;
    for (const each of head.parentElement.cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const compare = (a, b) => {
      const x = valueOf(a, column);
      const y = valueOf(b, column);
      if (typeof x === "string") return sign * x.localeCompare(y);
      return sign * (x - y) || a.dataset.rank - b.dataset.rank;
    };
    body.append(...rows.sort(compare));
  };

  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = head.dataset.title;
    // The column's name stays outside: on paper the button goes, as Chromium repeats no heading
    // that holds one on the next pages.
    button.setAttribute("aria-label", head.dataset.title);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
  for (const cell of document.querySelectorAll("#alike [data-cluster]")) {
    const link = document.createElement("a");
    link.href = "#filter";
    link.title = cell.dataset.title;
    link.append(...cell.childNodes);
    link.addEventListener("click", () => {
      cluster.value = cell.dataset.cluster;
      filter();
    });
    cell.append(link);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  form.hidden = false;
  filter();
})();
