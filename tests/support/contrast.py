"""What of ATT in a page is hard to perceive: texts of little contrast (WCAG 1.4.3), controls without a name (4.1.2)."""

from __future__ import annotations

__all__ = ["FAINT"]

FAINT = """() => {
  const OURS = ".att, .att-panel, .att-log, .jp-att-Sidebar, .jp-att-Status, .jp-att-Log, .jp-att-Tests, .jp-att-Form";
  // Colours that a program has chosen for its own output are its own affair.
  const THEIRS = ".a-fore, .a-back, .a-dim, [class*=jp-att-ansi-bg]";
  const IGNORED = ":disabled, [aria-disabled=true], [hidden], option, .att-voice, style, datalist";
  const NAMED = "button, input, select, textarea, summary, [role=img], [role=progressbar], [role=log]";
  const LEAST = 4.5, LARGE = 3;
  const known = made => {
    const found = new Map();
    return key => (found.has(key) || found.set(key, made(key)), found.get(key));
  };
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = known(colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  });
  const over = (upper, lower) => lower.map((low, i) => upper[i] * upper[3] + low * (1 - upper[3]));
  const background = known(node => (node
    ? over(rgba(getComputedStyle(node).backgroundColor), background(node.parentElement)) : [255, 255, 255]));
  const opacity = known(node => (node
    ? Number(getComputedStyle(node).opacity) * opacity(node.parentElement) : 1));
  const light = colour => {
    const [r, g, b] = colour.map(c => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const outer = [...document.querySelectorAll(OURS)].filter(node => !node.parentElement?.closest(OURS));
  const faint = new Set();
  for (const ours of outer) {
    const walker = document.createTreeWalker(ours, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const node = text.parentElement, words = text.data.trim(), style = getComputedStyle(node);
      if (!words || node.closest(IGNORED) || node.closest(THEIRS)) continue;
      if (!node.checkVisibility({ visibilityProperty: true })) continue;
      const under = background(node), [r, g, b, a] = rgba(style.color);
      const drawn = over([r, g, b, a * opacity(node)], under);
      const [low, high] = [light(drawn), light(under)].sort((one, other) => one - other);
      const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 600);
      const where = `${node.className || node.tagName}: ${words.slice(0, 40)}`;
      if (ratio < (large ? LARGE : LEAST)) faint.add(`${ratio.toFixed(2)} ${where}`);
    }
  }
  for (const ours of outer) {
    for (const node of ours.querySelectorAll(NAMED)) {
      const told = node.getAttribute("aria-label") || node.title || node.labels?.[0]?.textContent || node.textContent;
      if (!told?.trim() && node.checkVisibility()) faint.add(`no name: ${node.outerHTML.slice(0, 80)}`);
    }
  }
  return [...faint];
}"""
"""A function for the page: returns contrast, class and words of each text that is too faint, and nameless controls."""
