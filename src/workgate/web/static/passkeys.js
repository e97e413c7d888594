// Passkeys: asks the browser to make or to use one, and sends its answer with the form. Where that cannot be,
// the page keeps saying what else to do.
"use strict";

{
  const toBytes = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
  };
  const toText = (buffer) => {
    if (!buffer) return null;
    const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
    return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const withBytes = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

  const create = async (options) => {
    const publicKey = {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    };
    const made = await navigator.credentials.create({ publicKey });
    return {
      id: made.id,
      rawId: toText(made.rawId),
      type: made.type,
      response: {
        clientDataJSON: toText(made.response.clientDataJSON),
        attestationObject: toText(made.response.attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  };

  const get = async (options) => {
    const publicKey = {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: withBytes(options.allowCredentials),
    };
    const used = await navigator.credentials.get({ publicKey });
    return {
      id: used.id,
      rawId: toText(used.rawId),
      type: used.type,
      response: {
        clientDataJSON: toText(used.response.clientDataJSON),
        authenticatorData: toText(used.response.authenticatorData),
        signature: toText(used.response.signature),
        userHandle: toText(used.response.userHandle),
      },
    };
  };

  const ask = { create, get };

  for (const part of document.querySelectorAll("[data-passkey]")) {
    const words = part.dataset;
    const form = part.querySelector("form");
    const told = part.querySelector("[role=alert]");
    if (!window.PublicKeyCredential || !navigator.credentials) continue;
    part.querySelector(".without-passkeys").hidden = true;
    form.hidden = false;
    form.querySelector("[autofocus]")?.focus();
    form.addEventListener("submit", async (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      // The page's own rule, one press sends a form once, begins when there is something to send.
      event.stopImmediatePropagation();
      const button = form.querySelector("[type=submit]");
      button.disabled = true;
      told.hidden = true;
      try {
        const answer = await ask[words.passkey](JSON.parse(words.options));
        form.elements.credential.value = JSON.stringify(answer);
        button.disabled = false;
        form.requestSubmit();
      } catch (error) {
        button.disabled = false;
        told.textContent = error.name === "InvalidStateError" ? words.known : words.failed;
        told.hidden = false;
      }
    });
  }

  // Coming back with the Back button: an answer that was sent is not sent again.
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("[data-passkey] [name=credential]")) field.value = "";
  });
}
