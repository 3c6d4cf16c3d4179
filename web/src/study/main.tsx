import { showPage } from "../shared/page";
import { StudyPage } from "./study-page";

showPage(<StudyPage />);
