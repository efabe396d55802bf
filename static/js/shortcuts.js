// Keys: g and a letter goes somewhere, j and k through a list, / to the filter, ? lists them all.

const GO_WITHIN_MS = 1200;
let goUntil = 0;

function isTyping(target) {
  return target.closest?.("input, select, textarea, [contenteditable], dialog[open]");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target)) return;
  if (performance.now() < goUntil && go(event.key)) {
    event.preventDefault();
  } else if (event.key === "g") {
    goUntil = performance.now() + GO_WITHIN_MS;
    return;
  } else if (event.key === "j" || event.key === "k") {
    step(event);
  } else if (event.key === "/") {
    focusFilter(event);
  } else if (focusKey(event.key)) {
    event.preventDefault();
  } else if (event.key === "?") {
    document.getElementById("keys-dialog")?.showModal();
  }
  goUntil = 0;
});

function go(key) {
  const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
  link?.click();
  return Boolean(link);
}

// Enter opens the row that has the focus, because what is focused is its link.
function step(event) {
  const rows = [...document.querySelectorAll("[data-rows] [data-row]")];
  if (!rows.length) return;
  event.preventDefault();
  const at = rows.findIndex((row) => row.closest("tr").contains(document.activeElement));
  const next = event.key === "j" ? at + 1 : at < 0 ? rows.length - 1 : at - 1;
  rows[Math.min(Math.max(next, 0), rows.length - 1)].focus({ focusVisible: true });
}

function focusFilter(event) {
  const filter = document.querySelector("[data-filter]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
  filter.select?.();
}

// A page's own letters only move the focus: what is done needs one more key.
function focusKey(key) {
  const target = /^[a-z]$/.test(key) && document.querySelector(`[data-key="${key}"]`);
  target?.focus?.({ focusVisible: true });
  return Boolean(target);
}
