// Entry of frontend/vendor/pdf.js: what turns a drawing into a page of a PDF.
import { jsPDF } from "jspdf";
import { svg2pdf } from "svg2pdf.js";
export { jsPDF, svg2pdf };
