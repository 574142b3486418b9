// The shop's page with the card form in a frame: what comes out of it goes to
// the shop's server, which verifies it.
"use strict";

const card = document.querySelector("vezne-card");
const problem = document.getElementById("problem");

card.addEventListener("vezne-ready", () => { problem.hidden = true; });

card.addEventListener("vezne-error", ({ detail }) => {
  problem.querySelector("code").textContent = detail.code + ": " + detail.message;
  problem.hidden = false;
});

card.addEventListener("vezne-result", ({ detail }) => {
  const form = document.getElementById("result");
  for (const [name, value] of Object.entries(detail)) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    form.append(field);
  }
  form.submit();
});
