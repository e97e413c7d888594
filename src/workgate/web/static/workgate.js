// Some comforts; every page works without them.
"use strict";

// One press sends a form once. The buttons are disabled only after the browser has collected the form's values,
// so the pressed button's own name and value are still sent.
{
  const sent = new Set();

  const setDisabled = (form, disabled) => {
    for (const element of form.elements) {
      if (element.type === "submit") element.disabled = disabled;
    }
  };

  const release = (form) => {
    sent.delete(form);
    setDisabled(form, false);
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    setTimeout(() => { if (sent.has(form)) setDisabled(form, true); }, 0);
    // The page may stay: a stopped load, or a redirect that opened another program.
    setTimeout(() => release(form), 10000);
  });

  // Coming back with the Back button, from the browser's memory or with its remembered form state.
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) release(form);
  });
}

// Show or hide the password. The page brings the words, in its language.
for (const holder of document.querySelectorAll(".reveal")) {
  const input = holder.querySelector("input");
  const words = holder.dataset;
  const button = document.createElement("button");
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? words.hide : words.show;
    button.setAttribute("aria-label", visible ? words.hideLabel : words.showLabel);
  };
  button.type = "button";
  button.className = "reveal-button";
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => show(input.type === "password"));
  // A password is sent, remembered by the browser and restored only as a password.
  input.form.addEventListener("submit", () => show(false));
  input.autocapitalize = "none";
  input.spellcheck = false;
  show(false);
  holder.append(button);
}

// Copy a client ID or a secret. Where the browser has no clipboard for us (plain http), it is selected, ready to be copied.
for (const holder of document.querySelectorAll("[data-copy]")) {
  const code = holder.querySelector("code");
  const words = holder.dataset;
  const button = document.createElement("button");
  const said = document.createElement("span");
  const select = () => getSelection().selectAllChildren(code);
  button.type = "button";
  button.className = "secondary";
  button.textContent = words.copy;
  button.setAttribute("aria-describedby", code.id);
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    select();
    try {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = words.copied;
    } catch {
      said.textContent = document.execCommand("copy") ? words.copied : "";
    }
  });
  holder.append(button, said);
}

// On to an identity provider by a form: its button is pressed at once.
for (const form of document.querySelectorAll("form[data-onward]")) form.requestSubmit();

// Save a note when its field is left, too. What cannot be saved so is sent as the form, whose answer says why.
for (const form of document.querySelectorAll("form[data-saved]")) {
  const said = document.createElement("span");
  said.className = "hint";
  said.setAttribute("role", "status");
  form.append(said);
  form.addEventListener("change", async () => {
    const body = new URLSearchParams(new FormData(form));
    said.textContent = "";
    try {
      const answer = await fetch(form.action, { method: "POST", body, redirect: "manual", keepalive: true });
      if (answer.type === "opaqueredirect") said.textContent = form.dataset.saved;
      else form.requestSubmit();
    } catch {
      // Nothing was saved, and the button is still there.
    }
  });
}
