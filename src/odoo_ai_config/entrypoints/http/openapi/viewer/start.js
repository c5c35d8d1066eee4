"use strict";

const viewer = document.getElementById("viewer");

SwaggerUIBundle({
  domNode: viewer,
  url: viewer.dataset.description,
  // Reads its settings from here only, not from a link that somebody sends.
  queryConfigEnabled: false,
  // Asks nobody whether the document is valid.
  validatorUrl: null,
  // Forgets the API key with the page.
  persistAuthorization: false,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
});
