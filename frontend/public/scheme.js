// Before anything is drawn: the colours that were chosen last time, so that a dark page does not flash white.
(function () {
  var chosen = "auto";
  try {
    chosen = localStorage.getItem("onelicense-scheme") || "auto";
  } catch {
    // storage is switched off; the system's colours then
  }
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
