import type { Platform } from "./types";

const URL_LIFETIME_MS = 60_000; // the browser may still read the file after the click

export const browser: Platform = {
  serverOrigin: () => location.origin,

  async saveFile(name, contents, type) {
    const url = URL.createObjectURL(new Blob([contents], { type }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), URL_LIFETIME_MS);
  },

  async copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // The clipboard API needs a secure context; without one, selected text can still be copied.
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("the browser does not let this page copy");
  },
};
