// The form of a rule: rows of conditions, what belongs to a choice, the sentence as it is typed; YAML: jump to a line.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const form = one("#rule-form");
  if (form) {
    const facts = JSON.parse(one("#rule-facts").textContent);
    const show = () => {
      const counted = one("[data-window]", form).value !== "";
      all("[data-counted]", form).forEach((part) => { part.hidden = !counted; });
      const penalty = one("[data-penalty]", form).value;
      all("[data-when-penalty]", form).forEach((part) => { part.hidden = !part.dataset.whenPenalty.split(" ").includes(penalty); });
      all("[data-when-case]", form).forEach((part) => { part.hidden = one("[data-case]", form).value === ""; });
    };

    const option = (value, label) => {
      const made = document.createElement("option");
      made.value = value;
      made.textContent = label;
      return made;
    };
    const words = form.dataset;
    const dressValue = (row) => {
      const fact = facts[one("[name=fact]", row).value];
      const operator = one("[name=operator]", row).value;
      const old = one("[name=value]", row);
      const flag = fact && (fact.type === "flag" || operator === "empty");
      if (flag === (old.tagName === "SELECT")) return dressList(row, fact);
      const fresh = document.createElement(flag ? "select" : "input");
      if (flag) fresh.append(option("yes", words.yes), option("no", words.no));
      else fresh.maxLength = 500;
      fresh.name = "value";
      fresh.setAttribute("aria-label", old.getAttribute("aria-label"));
      old.replaceWith(fresh);
      dressList(row, fact);
    };
    const dressList = (row, fact) => {
      const value = one("[name=value]", row);
      const old = one(".value-chips", row);
      if (old) old.remove();
      if (!fact || !fact.choices.length || value.tagName === "SELECT") return;
      const chips = document.createElement("span");
      chips.className = "chips value-chips";
      const chosen = () => value.value.split(/[、,，;；\n]+/).map((part) => part.trim()).filter(Boolean);
      fact.choices.forEach((label) => {
        const chip = document.createElement("button");
        chip.type = "button";
        chip.className = "chip";
        chip.textContent = label;
        const paint = () => { chip.classList.toggle("chip-on", chosen().includes(label)); };
        chip.addEventListener("click", () => {
          const now = chosen();
          const next = now.includes(label) ? now.filter((part) => part !== label) : [...now, label];
          value.value = next.join("、");
          all(".chip", chips).forEach((other) => other.dispatchEvent(new Event("paint")));
          ask();
        });
        chip.addEventListener("paint", paint);
        paint();
        chips.append(chip);
      });
      row.append(chips);
    };
    const dressFact = (row) => {
      const fact = facts[one("[name=fact]", row).value];
      const operator = one("[name=operator]", row);
      if (fact) {
        operator.replaceChildren(...fact.operators.map(([code, label]) => option(code, label)));
        one("[name=value]", row).value = "";
      }
      dressValue(row);
    };
    const dress = (row) => {
      const drop = one("[data-drop-row]", row);
      drop.hidden = false;
      drop.addEventListener("click", () => {
        if (all("li", rows).length > 1) row.remove();
        else { one("[name=fact]", row).value = ""; one("[name=value]", row).value = ""; }
        ask();
      });
      one("[name=fact]", row).addEventListener("change", () => dressFact(row));
      one("[name=operator]", row).addEventListener("change", () => dressValue(row));
      dressList(row, facts[one("[name=fact]", row).value]);
    };

    let waiting = 0;
    let asked = 0;
    const ask = () => {
      clearTimeout(waiting);
      waiting = setTimeout(async () => {
        const mine = ++asked;
        try {
          const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), redirect: "error" });
          if (answer.ok && mine === asked) one("#preview").innerHTML = await answer.text();
        } catch { /* the next key asks again */ }
      }, 250);
    };

    const rows = one("[data-rows]", form);
    if (rows) {
      const blank = one("li:last-child", rows).cloneNode(true);
      all("li", rows).forEach(dress);
      const add = one("[data-add-row]", form);
      add.hidden = false;
      add.addEventListener("click", () => {
        const row = blank.cloneNode(true);
        rows.append(row);
        dress(row);
        one("[name=fact]", row).focus();
      });
    }
    all("[data-placeholder]", form).forEach((chip) => chip.addEventListener("click", () => {
      const text = one("[data-explain]", form);
      text.setRangeText(`{${chip.dataset.placeholder}}`, text.selectionStart, text.selectionEnd, "end");
      text.focus();
      ask();
    }));
    form.addEventListener("input", ask);
    form.addEventListener("change", () => { show(); ask(); });
    show();
  }

  const text = one("textarea.yaml");
  if (text) {
    const jump = (line) => {
      const lines = text.value.split("\n");
      const start = lines.slice(0, line - 1).reduce((sum, part) => sum + part.length + 1, 0);
      text.focus();
      text.setSelectionRange(start, start + (lines[line - 1] || "").length);
      text.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(text).lineHeight));
    };
    all("[data-line]").forEach((button) => button.addEventListener("click", () => jump(Number(button.dataset.line))));
    if (text.dataset.at) {
      const found = text.value.split("\n").findIndex((line) => line.trim().replace(/^- /, "").replace(/["']/g, "") === `id: ${text.dataset.at}`);
      if (found >= 0) jump(found + 1);
    }
  }
})();
