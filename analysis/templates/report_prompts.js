// The replies to single prompts, the methods in columns.
(() => {
  const PAGE = 10; // prompts of the list at a time
  const FEW = 20; // replies of a column that are shown at once
  const COLUMNS = 6; // conditions that are shown until others are chosen
  const form = document.getElementById("prompt-filters");
  if (!form) return;
  const { run: runs, model: models, measure: measures, words, gaps } = form.elements;
  const boxes = document.getElementById("prompt-conditions");
  const reader = document.getElementById("prompt-reader");
  const failed = troubleAt("prompt-trouble", "The replies");
  const table = document.getElementById("prompt-list");
  const several = [words.closest("label"), gaps.closest("label"), table.parentElement, document.getElementById("prompt-found")]; // of no use for one prompt
  let index; // { runs, rows }
  let shown = []; // numbers of the rows that the filters leave
  let at = 0; // first of them on this page of the list
  let opened = null; // number of the row that is read

  // ---- what is chosen ------------------------------------------------------------------------------------------------------------

  const run = () => index.runs[Number(runs.value)];

  // Numbers of the columns that are shown: conditions that are ticked, of the model that is chosen.
  function chosen() {
    const ticked = new Set([...boxes.querySelectorAll("input:checked")].map((box) => box.value));
    return [...run().arms.keys()].filter((i) => run().arms[i].model === models.value && ticked.has(run().arms[i].condition));
  }

  function options(select, values) {
    select.replaceChildren(...values.map(([text, value]) => new Option(clean(text), value)));
    select.closest("label").hidden = values.length < 2;
  }

  function tick() {
    const all = [...boxes.querySelectorAll("input")];
    document.getElementById("prompt-columns").textContent = `Columns: ${all.filter((box) => box.checked).length} of ${all.length} conditions`;
  }

  function ofRun() {
    options(models, [...new Set(run().arms.map((arm) => arm.model))].map((model) => [model, model]));
    options(measures, run().measures.map((measure, i) => [measure, String(i)]));
    for (const place of several) place.hidden = index.rows.filter((row) => row.run === Number(runs.value)).length < 2;
    const conditions = [...new Set(run().arms.map((arm) => arm.condition))];
    boxes.replaceChildren(...conditions.map((condition, i) => {
      const box = element("input");
      Object.assign(box, { type: "checkbox", value: condition, checked: i < COLUMNS });
      return element("label", "tick", box, visible(condition));
    }));
    tick();
  }

  // ---- list ----------------------------------------------------------------------------------------------------------------------

  function filter() {
    const wanted = words.value.trim().toLowerCase();
    const arms = chosen();
    shown = [...index.rows.keys()].filter((i) => {
      const row = index.rows[i];
      return row.run === Number(runs.value)
        && (!wanted || row.id.toLowerCase().includes(wanted) || row.text.toLowerCase().includes(wanted))
        && (!gaps.checked || arms.some((arm) => row.missing[arm]));
    });
    at = 0;
    list();
  }

  function list() {
    const arms = chosen();
    const measure = run().measures[Number(measures.value)];
    heads(table, ["prompt", "what was asked", "replies", "missing", ...(measure ? arms.map((arm) => `${measure}: ${run().arms[arm].condition}`) : [])]);
    const sum = (numbers) => arms.reduce((total, arm) => total + numbers[arm], 0).toLocaleString("en");
    table.tBodies[0].replaceChildren(...shown.slice(at, at + PAGE).map((number) => {
      const row = index.rows[number];
      const said = row.text.replace(/\s+/g, " ");
      const cells = [buttonOf(row.id, () => read(number, true)), said.length > 90 ? `${said.slice(0, 90)} …` : said, sum(row.replies), sum(row.missing),
        ...(measure ? arms.map((arm) => row.distances[Number(measures.value)][arm]) : [])];
      return element("tr", number === opened ? "open" : "", ...cells.map((cell, i) => element("td", i === 1 ? "said" : "", typeof cell === "string" ? visible(cell) : cell)));
    }));
    const all = index.rows.filter((row) => row.run === Number(runs.value)).length;
    document.getElementById("prompt-found").textContent = `${shown.length.toLocaleString("en")} of ${all.toLocaleString("en")} prompts`;
    turning(document.getElementById("prompt-pages"), at, PAGE, shown.length, (to) => { at = to; list(); });
  }

  // ---- one prompt ----------------------------------------------------------------------------------------------------------------

  function column(row, place, content, whole) {
    const arm = run().arms[place];
    const n = row.replies[place];
    const complete = content.askings.filter((asking) => asking.candidates).length;
    const box = element("section", "column");
    const head = element("h4", "", visible(arm.condition));
    head.id = `prompt-column-${place}`;
    box.setAttribute("aria-labelledby", head.id);
    const distances = run().measures.map((measure, i) => `${measure} ${row.distances[i][place]}`);
    box.append(head, element("p", "meta", `${arm.method.replaceAll("_", " ")} · ${n} ${n === 1 ? "reply" : "replies"} · ${complete} of ${content.n} askings`));
    if (distances.length) box.append(element("p", "meta", `Distance within: ${distances.join(", ")}`));
    const calls = [];
    let left = whole ? Infinity : FEW;
    let roads = null; // replies of askings that gave a single one stand in one list
    for (const asking of content.askings) {
      if (left <= 0) {
        box.append(buttonOf(`Show all ${n.toLocaleString("en")} replies`, () => {
          const all = column(row, place, content, true);
          box.replaceWith(all);
          all.firstChild.tabIndex = -1;
          all.firstChild.focus({ preventScroll: true });
        }));
        break;
      }
      if (asking.failure) {
        box.append(failureBox(`Asking ${asking.number} (${asking.id}) failed: ${asking.failure.kind}`, asking.failure));
        roads = null;
        left -= 1;
      }
      if (!asking.candidates) continue;
      const alone = asking.candidates.length === 1;
      if (!alone || roads === null) {
        if (!alone && content.n > 1) box.append(element("p", "who", `Asking ${asking.number} (${asking.id})`));
        roads = element("ol", "roads");
        box.append(roads);
      }
      roads.append(...asking.candidates.map((candidate, i) => road(candidate, !alone && i === asking.drawn, arm.stated)));
      if (!alone) {
        box.append(...wholes(asking.sum === "1" ? { ...asking, sum: null } : asking));
        roads = null;
      }
      left -= asking.candidates.length;
      calls.push(...asking.raw);
    }
    if (!content.askings.length) box.append(element("p", "meta", "Nothing was asked yet."));
    if (content.not_run) box.append(element("p", "meta", `${content.not_run.toLocaleString("en")} of ${content.n.toLocaleString("en")} askings were not run.`));
    box.append(...raws(calls));
    return box;
  }

  async function read(number, move) {
    try {
      opened = number;
      const row = index.rows[number];
      const content = (await part(row.part))[row.place];
      if (opened !== number) return;
      const title = element("h3", "", "Prompt ", visible(row.id));
      title.tabIndex = -1;
      const here = shown.indexOf(number);
      const turn = (to) => read(shown[to], false).then(() => document.getElementById(to < here ? "prompt-before" : "prompt-after").focus());
      const before = buttonOf("Previous prompt", () => turn(here - 1), here > 0);
      const after = buttonOf("Next prompt", () => turn(here + 1), here >= 0 && here + 1 < shown.length);
      [before.id, after.id] = ["prompt-before", "prompt-after"];
      const bar = element("div", "bar", before, after);
      bar.hidden = several[0].hidden;
      const asked = paragraph("asked", content.text);
      const columns = element("div", "columns", ...chosen().map((place) => column(row, place, content.columns[place], false)));
      columns.tabIndex = 0;
      columns.setAttribute("role", "region");
      columns.setAttribute("aria-label", "Replies, a column for each condition");
      const right = content.answers.length
        ? [details(`Right answers (${content.answers.length.toLocaleString("en")})`, paragraph("", content.answers.join(", ")),
          ...(content.source ? [element("p", "meta", "Source: ", visible(content.source))] : []))] : [];
      reader.replaceChildren(title, bar, asked, ...right, ...(columns.childElementCount ? [columns] : [element("p", "", "No condition is ticked.")]));
      reader.hidden = false;
      list();
      if (move) { title.focus({ preventScroll: true }); reader.scrollIntoView({ block: "start" }); }
    } catch (error) { failed(error); }
  }

  // ---- start ---------------------------------------------------------------------------------------------------------------------

  async function start() {
    index = await unpacked(document.getElementById("prompt-index").textContent);
    options(runs, index.runs.map((one, i) => [one.name, String(i)]));
    ofRun();
    form.addEventListener("input", (event) => {
      if (event.target === runs) ofRun();
      tick();
      filter();
      const row = index.rows[opened];
      const same = opened !== null && row.run === Number(runs.value);
      if (same && event.target !== words) read(opened, false);
      else if (!same && shown.length) read(shown[0], false);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    filter();
    if (shown.length) await read(shown[0], false);
  }

  start().catch(failed);
})();
