// The transcripts of a report.
(() => {
  const PAGE = 12; // rows of the list at a time
  const form = document.getElementById("filters");
  if (!form) return;
  const reader = document.getElementById("reader");
  const found = document.getElementById("found");
  let index; // { per_part, runs, rows }
  let shown = []; // numbers of the rows that the filters leave
  let at = 0; // first of them on this page of the list
  let asked = 0; // number of the last search, so that an overtaken one stops
  let opened = null; // number of the row that is read
  const failed = troubleAt("trouble", "The transcripts");
  const said = new Map(); // number of a row -> what was said in it, for searching

  async function conversation(row) {
    return (await part(Math.floor(row / index.per_part)))[row % index.per_part];
  }

  // ---- filters -------------------------------------------------------------------------------------------------------------------

  function ending(row) {
    return row.failure ? `failed: ${row.failure}` : row.stop.replaceAll("_", " ");
  }

  function choices(name, value) {
    const select = form.elements[name];
    const counts = new Map();
    for (const row of index.rows) counts.set(value(row), (counts.get(value(row)) ?? 0) + 1);
    select.append(new Option("all", ""));
    for (const [text, n] of counts) select.append(new Option(`${clean(text)} (${n.toLocaleString("en")})`, text));
    select.closest("label").hidden = counts.size < 2;
  }

  const runOf = (row) => index.runs[row.run].name;

  function fits(row) {
    const wanted = (name) => form.elements[name].value;
    const number = (name) => (wanted(name).trim() === "" ? null : Number(wanted(name)));
    const units = index.runs[row.run].per;  // of an amount in what is shown: 100 cents to the dollar
    const [low, high] = ["low", "high"].map((name) => (number(name) === null ? null : Math.round(number(name) * units * 1e6) / 1e6));
    return (!wanted("run") || runOf(row) === wanted("run"))
      && (!wanted("condition") || row.condition === wanted("condition"))
      && (!wanted("model") || row.model === wanted("model"))
      && (!wanted("persona") || row.persona === wanted("persona"))
      && (!wanted("stop") || ending(row) === wanted("stop"))
      && (!wanted("outcome") || wanted("outcome") === (row.amount === null ? "missing" : row.amount === index.runs[row.run].low ? "none" : "some"))
      && (low === null || (row.amount !== null && row.amount >= low))
      && (high === null || (row.amount !== null && row.amount <= high));
  }

  async function filter() {
    const search = ++asked;
    const rows = [...index.rows.keys()].filter((i) => fits(index.rows[i]));
    const words = form.elements.words.value.trim().toLowerCase();
    at = 0;
    if (!words) {
      shown = rows;
      return list();
    }
    const matching = [];
    for (const [n, row] of rows.entries()) {
      if (!said.has(row)) {
        const { turns } = await conversation(row);
        said.set(row, turns.map((turn) => turn.text).join("\n").toLowerCase());
        if (search !== asked) return;
      }
      if (said.get(row).includes(words)) matching.push(row);
      if (n % index.per_part === 0) found.textContent = `Searching: ${n.toLocaleString("en")} of ${rows.length.toLocaleString("en")} …`;
    }
    shown = matching;
    list();
  }

  // ---- list ----------------------------------------------------------------------------------------------------------------------

  function list() {
    const several = index.runs.length > 1;
    const names = [...(several ? ["run"] : []), "conversation", "condition", "model", "persona", "outcome", "ended by", "rounds"];
    const table = document.getElementById("list");
    heads(table, names);
    table.tBodies[0].replaceChildren(...shown.slice(at, at + PAGE).map((number) => {
      const row = index.rows[number];
      const open = buttonOf(row.id, () => read(number, true));
      const cells = [...(several ? [runOf(row)] : []), open, row.condition, row.model, row.persona + (row.replicate ? ` (${row.replicate})` : ""),
        row.shown ?? "missing", ending(row), String(Math.ceil(row.turns / 2))];
      const line = element("tr", number === opened ? "open" : "", ...cells.map((cell) => element("td", "", typeof cell === "string" ? visible(cell) : cell)));
      return line;
    }));
    found.textContent = `${shown.length.toLocaleString("en")} of ${index.rows.length.toLocaleString("en")} conversations`;
    turning(document.getElementById("pages"), at, PAGE, shown.length, (to) => { at = to; list(); });
  }

  // ---- reading -------------------------------------------------------------------------------------------------------------------

  function behind(turn) {
    const made = [];
    const { candidates } = turn;
    if (candidates && (candidates.length > 1 || candidates[0].stated !== null)) {
      const roads = element("ol", "roads", ...candidates.map((candidate, i) => road(candidate, i === turn.drawn)));
      const n = candidates.length - 1;
      const drawn = candidates[turn.drawn];
      made.push(details(
        n === 0 ? "The only candidate" : `${n === 1 ? "1 road" : `${n} roads`} not taken${drawn ? ` (this one: p = ${drawn.probability.toFixed(3)})` : ""}`,
        roads, ...wholes(turn)));
    }
    made.push(...raws(turn.raw));
    return made;
  }

  function turnBox(turn) {
    return element("div", `turn ${turn.role === "persuadee" ? "persuadee" : "persuader"}`,
      element("p", "who", `Round ${turn.round}, ${turn.role}`), paragraph("said", turn.text), ...behind(turn));
  }

  function persona(run, role, id) {
    const pairs = index.runs[run].personas[role][id];
    const shownAs = element("span", "", `${role} `, visible(id));
    if (!pairs) return element("p", "meta", shownAs);
    const facts = element("dl", "facts", ...pairs.filter(([, value]) => value).map(([name, value]) =>
      element("div", "", element("dt", "", visible(name)), element("dd", "", visible(value)))));
    return details(shownAs, facts);
  }

  function head(row, talk) {
    const box = element("div", "head", element("h4", "", visible(`${row.condition}, ${row.shown ?? "outcome missing"}`)));
    const facts = [row.model, `conversation ${row.id}`, `replicate ${row.replicate}`, talk.started, `${talk.seconds.toFixed(0)} s`, `seed ${row.seed}`];
    if (row.persuader_model !== row.model) facts.splice(1, 0, `persuader ${row.persuader_model}`);
    if (talk.human) facts.push(`matched human gave ${talk.human}`);
    if (index.runs.length > 1) facts.unshift(runOf(row));
    box.append(element("p", "meta", visible(facts.join(" · "))));
    box.append(persona(row.run, "persuader", row.persuader), persona(row.run, "persuadee", row.persona));
    return box;
  }

  function foot(row, talk) {
    const boxes = [element("p", "meta", visible(`Ended by: ${ending(row)}`))];
    if (talk.decision) {
      boxes.push(element("div", "turn decision", element("p", "who", "Decided in private"), paragraph("said", talk.decision.text), ...behind(talk.decision)));
    }
    if (talk.failure) {
      boxes.push(failureBox(`Failed at ${talk.failure.step}: ${talk.failure.kind}`, talk.failure));
    }
    return element("div", "foot", ...boxes);
  }

  // Conversations of the same personas and seed: they differ in the condition, or the model, alone.
  function partners(number) {
    const { seed, persona: who, persuader } = index.rows[number];
    return [...index.rows.keys()].filter((i) => i !== number
      && index.rows[i].seed === seed && index.rows[i].persona === who && index.rows[i].persuader === persuader);
  }

  async function read(number, move, beside = null) {
    try {
      opened = number;
      const talks = await Promise.all([number, ...(beside === null ? [] : [beside])].map(async (i) => [index.rows[i], await conversation(i)]));
      if (opened !== number) return;
      const title = element("h3", "", "Conversation ", visible(index.rows[number].id));
      title.tabIndex = -1;
      const bar = element("div", "bar");
      const others = partners(number);
      const select = element("select");
      select.id = "beside";
      select.append(new Option("nothing", ""));
      for (const i of others) {
        const row = index.rows[i];
        const same = row.model === index.rows[number].model && row.run === index.rows[number].run;
        select.append(new Option(clean(same ? row.condition : `${row.condition} / ${row.model} / ${runOf(row)}`), String(i)));
      }
      select.value = beside === null ? "" : String(beside);
      select.disabled = !others.length;
      select.addEventListener("change", async () => {
        await read(number, false, select.value ? Number(select.value) : null);
        document.getElementById("beside").focus();
      });
      const close = buttonOf("Close", () => { reader.hidden = true; opened = null; list(); form.elements.words.focus(); });
      bar.append(element("label", "", "Beside it, the same personas and seed under", select), close);
      const pair = element("div", talks.length === 2 ? "pair two" : "pair");
      const place = (makers) => makers.forEach((box, i) => { if (i) box.classList.add("second"); pair.append(box); });
      place(talks.map(([row, talk]) => head(row, talk)));
      for (let i = 0; i < Math.max(...talks.map(([, talk]) => talk.turns.length)); i++) {
        place(talks.map(([, talk]) => (talk.turns[i] ? turnBox(talk.turns[i]) : element("div", "turn"))));
      }
      place(talks.map(([row, talk]) => foot(row, talk)));
      reader.replaceChildren(title, bar, pair);
      reader.hidden = false;
      list();
      if (move) { title.focus({ preventScroll: true }); reader.scrollIntoView({ block: "start" }); }
    } catch (error) { failed(error); }
  }

  // ---- start ---------------------------------------------------------------------------------------------------------------------

  async function start() {
    index = await unpacked(document.getElementById("index").textContent);
    choices("run", runOf);
    choices("condition", (row) => row.condition);
    choices("model", (row) => row.model);
    choices("persona", (row) => row.persona);
    choices("stop", ending);
    const units = new Set(index.runs.map((run) => run.unit));
    for (const place of form.querySelectorAll(".unit")) place.textContent = units.size === 1 ? `(${[...units][0]})` : "";
    let timer;
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => filter().catch(failed), 120); });
    form.addEventListener("reset", () => setTimeout(() => filter().catch(failed)));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    await filter();
  }

  start().catch(failed);
})();
