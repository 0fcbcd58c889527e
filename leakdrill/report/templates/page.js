"use strict";
// Draws the charts in the colours of the reader's theme, copies tables, and opens what is folded before printing.
(() => {
  const specs = new Map();
  for (const script of document.querySelectorAll("script[data-chart]")) {
    specs.set(script.dataset.chart, script.textContent);
  }

  const colours = (text) => {
    const style = getComputedStyle(document.documentElement);
    return text.replace(/var\((--[a-z0-9-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  };

  const config = () => JSON.parse(colours(JSON.stringify({
    background: "transparent",
    font: "system-ui, sans-serif",
    view: {stroke: null},
    axis: {
      labelColor: "var(--muted)", titleColor: "var(--ink)", gridColor: "var(--line)", domainColor: "var(--faint)",
      tickColor: "var(--faint)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, gridOpacity: 0.7,
    },
    legend: {
      orient: "bottom", labelColor: "var(--ink)", titleColor: "var(--ink)", labelFontSize: 12, labelLimit: 150,
      columns: 0, symbolStrokeWidth: 3, symbolOpacity: 1, symbolType: "stroke", symbolSize: 180, title: null, rowPadding: 6, columnPadding: 16,
    },
  })));

  const theme = matchMedia("(prefers-color-scheme: dark)");
  const draw = async () => {
    document.documentElement.dataset.theme = theme.matches ? "dark" : "light";
    for (const [id, text] of specs) {
      const place = document.getElementById(id);
      const spec = JSON.parse(colours(text));
      const settings = config();
      settings.legend.columns = Math.max(1, Math.min(6, Math.floor(place.clientWidth / 190)));
      const actions = {export: true, source: false, compiled: false, editor: false};
      await vegaEmbed(place, spec, {renderer: "svg", config: settings, actions, downloadFileName: id});
    }
    document.documentElement.dataset.drawn = "yes";
  };

  const csv = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => {
    const text = cell.innerText.trim().replace(/\s+/g, " ");
    return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(",")).join("\r\n");

  const copy = async (button) => {
    const text = csv(document.getElementById(button.dataset.copy));
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // an old browser, or one that trusts no file
      const area = Object.assign(document.createElement("textarea"), {value: text});
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    document.getElementById("said").textContent = done ? "Copied." : "Could not copy.";
    const was = button.textContent;
    button.textContent = done ? "Copied" : "Could not copy";
    setTimeout(() => { button.textContent = was; }, 1500);
  };

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.addEventListener("click", () => copy(button));
  }
  const folded = () => document.querySelectorAll("details:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = [...folded()]; opened.forEach((each) => { each.open = true; }); });
  addEventListener("afterprint", () => opened.forEach((each) => { each.open = false; }));
  theme.addEventListener("change", draw);
  draw();
})();
