"use strict";
// Draws the charts in the colours of the reader's theme, and in light ones on paper; copies tables, and opens what is
// folded before printing.
(() => {
  const specs = new Map();
  for (const script of document.querySelectorAll("script[data-chart]")) {
    specs.set(script.dataset.chart, script.textContent);
  }

  const settings = JSON.stringify({
    background: "transparent",
    font: "system-ui, sans-serif",
    view: {stroke: null},
    axis: {
      labelColor: "var(--muted)", titleColor: "var(--ink)", gridColor: "var(--line)", domainColor: "var(--faint)",
      tickColor: "var(--faint)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, gridOpacity: 0.7,
    },
    legend: {
      orient: "bottom", labelColor: "var(--ink)", titleColor: "var(--ink)", labelFontSize: 12, labelLimit: 190,
      columns: 0, symbolStrokeWidth: 3, symbolOpacity: 1, symbolType: "stroke", symbolSize: 180, title: null, rowPadding: 6, columnPadding: 16,
    },
  });

  const variable = /var\((--[a-z0-9-]+)\)/g;
  const names = new Set([settings, ...specs.values()].flatMap((text) => [...text.matchAll(variable)].map((found) => found[1])));
  const palette = () => {
    const style = getComputedStyle(document.documentElement);
    return new Map([...names].map((name) => [name, style.getPropertyValue(name).trim()]));
  };
  let colours = palette();  // those that the charts have
  const coloured = (text) => JSON.parse(text.replace(variable, (_, name) => colours.get(name)));

  // At once, where drawing again would come too late for the printer.
  const repaint = () => {
    const now = palette();
    const to = new Map([...colours].map(([name, colour]) => [colour, now.get(name)]));
    for (const each of document.querySelectorAll(".plot svg :is([fill], [stroke])")) {
      for (const attribute of ["fill", "stroke"]) {
        const colour = to.get(each.getAttribute(attribute));
        if (colour) each.setAttribute(attribute, colour);
      }
    }
    colours = now;
  };

  const draw = async () => {
    colours = palette();
    for (const [id, text] of specs) {
      const place = document.getElementById(id);
      const config = coloured(settings);
      config.legend.columns = Math.max(1, Math.min(6, Math.floor(place.clientWidth / 230)));
      const actions = {export: true, source: false, compiled: false, editor: false};
      await vegaEmbed(place, coloured(text), {renderer: "svg", config, actions, downloadFileName: id});
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
  addEventListener("beforeprint", () => {
    opened = [...folded()];
    opened.forEach((each) => { each.open = true; });
    document.documentElement.dataset.paper = "";  // the sheet has light colours from here on
    repaint();
  });
  addEventListener("afterprint", () => {
    opened.forEach((each) => { each.open = false; });
    delete document.documentElement.dataset.paper;
    repaint();
  });
  matchMedia("print").addEventListener("change", repaint);
  let drawing = draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawing = drawing.then(draw); });
})();
