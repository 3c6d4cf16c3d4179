/** @file The bundled pack for photographs, for tests that need real models. */
export const studioPackDir = "models/studio";
