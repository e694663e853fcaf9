/** The words of the pages for desks, in the language that the browser asks for. */
import english from "../../../words/desk/en.json";
import { language, learn, preferred, speak } from "../core/words.svelte";

export async function speakAtDesk(): Promise<void> {
  learn(english, {
    cy: () => import("../../../words/desk/cy.json"),
    ur: () => import("../../../words/desk/ur.json"),
  });
  await speak(preferred(navigator.languages));
  Object.assign(document.documentElement, { lang: language().code, dir: language().direction });
}
