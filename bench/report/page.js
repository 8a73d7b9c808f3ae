/* The page around the players: colours, tables that sort, texts to copy, printing. */
(function () {
  const root = document.documentElement;
  root.classList.remove("no-script");

  function recolour() { document.dispatchEvent(new Event("colours")); }

  /* Light, dark, or as the system. A page opened from a file may have no storage. */
  const choices = document.querySelectorAll("[data-theme-choice]");
  function choose(theme, keep) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    for (const button of choices) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
    try {
      if (keep) localStorage.setItem("mlcm-theme", theme);
    } catch { /* the choice holds for this view */ }
    recolour();
  }
  for (const button of choices) button.addEventListener("click", () => choose(button.dataset.themeChoice, true));
  let kept = null;
  try { kept = localStorage.getItem("mlcm-theme"); } catch { /* as the system */ }
  if (kept === "light" || kept === "dark") choose(kept, false);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

  /* Printed: light, everything unfolded. */
  let unfolded = [], theme;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    unfolded = [...document.querySelectorAll("details.print:not([open])")];
    for (const part of unfolded) part.open = true;
    recolour();
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    for (const part of unfolded) part.open = false;
    recolour();
  });

  /* Column headers sort: best first, then the other way, then as it was. */
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], original = [...body.rows];
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = cell.title ? cell.title + " (sorts the table)" : "Sort the table";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const first = cell.dataset.first || "ascending", other = first === "ascending" ? "descending" : "ascending";
        const now = cell.getAttribute("aria-sort"), order = !now ? first : now === first ? other : null;
        for (const header of table.tHead.rows[0].cells) header.removeAttribute("aria-sort");
        table.classList.toggle("sorted", !!order);
        if (!order) return body.append(...original);
        cell.setAttribute("aria-sort", order);
        const value = row => column ? parseFloat(row.cells[column].dataset.value) : row.cells[0].textContent;
        body.append(...[...original].sort((p, q) => {
          const a = value(p), b = value(q);
          if (!column) return (order === "ascending" ? 1 : -1) * a.localeCompare(b, undefined, { numeric: true });
          if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b);
          return order === "ascending" ? a - b : b - a;
        }));
      });
    });
  }

  for (const pre of document.querySelectorAll("pre.source")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    pre.before(button);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
      } catch {
        getSelection().selectAllChildren(pre);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  for (const host of document.querySelectorAll(".player")) host.player = new Player(host);
})();
